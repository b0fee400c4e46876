// An artifact: where it lies, what is known of it, and its content if that can be shown. What a run has made is never a
// page of this origin: HTML stands in a frame of no origin, which reaches nothing.

import { useState } from 'preact/hooks';
import { send } from '../api/http';
import type { ArtifactOfTask } from '../api/types';
import { useLoaded } from '../load';
import { hrefOf } from '../router';
import { numberText, plural } from '../words';
import { Confusion, Roc } from './classification';
import { markdown } from './markdown';
import { Show } from './notice';
import { Values } from './value';

// Where its bytes are read, with ranges.
export function contentUrl({ artifact_id }: { artifact_id: string }): string {
  return `/apis/penstock/v1/artifacts/${encodeURIComponent(artifact_id)}/content`;
}

const SHOWN_BYTES = 512 << 10;
const TABLE_ROWS = 50;

interface Props {
  artifact: ArtifactOfTask;
  contentUrl?: string;
  opened?: boolean; // shows the content at once
}

export function Artifact({ artifact, contentUrl, opened = ['HTML', 'Markdown'].includes(artifact.type) }: Props) {
  const [open, setOpen] = useState(opened);
  const metadata = Object.entries(artifact.metadata ?? {}).filter(
    ([name]) => !['confusionMatrix', 'confidenceMetrics'].includes(name),
  );
  return (
    <section class="artifact" aria-label={artifact.name}>
      <div class="row">
        <a href={hrefOf(['artifacts', artifact.artifact_id])}>{artifact.name || artifact.artifact_id}</a>
        <span class="soft">{artifact.type}</span>
        <span class="grow" />
        {contentUrl && (
          <>
            <button onClick={() => setOpen(!open)} aria-expanded={open}>
              {open ? 'Hide' : 'Show'}
            </button>
            <a href={contentUrl} download={artifact.name}>
              Download
            </a>
          </>
        )}
      </div>
      <div class="soft small mono cut" title={artifact.uri}>
        {artifact.uri}
      </div>
      <Metadata artifact={artifact} metadata={metadata} />
      {open && contentUrl && <Content url={contentUrl} type={artifact.type} name={artifact.name} />}
    </section>
  );
}

function Metadata({
  artifact,
  metadata,
}: {
  artifact: ArtifactOfTask;
  metadata: [string, never][] | [string, NonNullable<ArtifactOfTask['metadata']>[string]][];
}) {
  const matrix = artifact.metadata?.confusionMatrix;
  const curve = artifact.metadata?.confidenceMetrics;
  return (
    <>
      {artifact.type === 'Metric' || artifact.type === 'Metrics' ? (
        <dl class="facts">
          {metadata.map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>{numberText(value as number)}</dd>
            </>
          ))}
        </dl>
      ) : (
        <Values of={metadata} />
      )}
      {matrix !== undefined && <Confusion matrix={matrix} />}
      {curve !== undefined && <Roc curves={[{ name: artifact.name, points: curve }]} />}
    </>
  );
}

interface Head {
  text: string;
  cut: boolean;
  bytes: Uint8Array<ArrayBuffer>;
  media: string;
}

// No more than is shown is read.
async function headOf(url: string, signal: AbortSignal): Promise<Head> {
  const answer = await send(url, { signal });
  const reader = answer.body!.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  let cut = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (size >= SHOWN_BYTES) {
      cut = true;
      await reader.cancel();
      break;
    }
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, cut, text: new TextDecoder().decode(bytes), media: imageType(bytes) };
}

function begins(bytes: Uint8Array, signs: number[]): boolean {
  return signs.every((sign, i) => bytes[i] === sign);
}

const isParquet = (bytes: Uint8Array) => begins(bytes, [0x50, 0x41, 0x52, 0x31]); // PAR1

// By its first bytes: names and types are what the task says.
function imageType(bytes: Uint8Array): string {
  if (begins(bytes, [0x89, 0x50, 0x4e, 0x47])) return 'image/png';
  if (begins(bytes, [0xff, 0xd8, 0xff])) return 'image/jpeg';
  if (begins(bytes, [0x47, 0x49, 0x46, 0x38])) return 'image/gif';
  if (begins(bytes, [0x52, 0x49, 0x46, 0x46]) && bytes[8] === 0x57 && bytes[9] === 0x45) return 'image/webp';
  return '';
}

function Content({ url, type, name }: { url: string; type: string; name: string }) {
  const head = useLoaded(url, (signal) => headOf(url, signal));
  return (
    <Show of={head}>
      {(data) => (
        <div class="content">
          <Form url={url} head={data} type={type} name={name} />
          {data.cut && !isParquet(data.bytes) && <p class="soft">Its beginning; the download has all of it.</p>}
        </div>
      )}
    </Show>
  );
}

function Form({ url, head, type, name }: { url: string; head: Head; type: string; name: string }) {
  const { text, bytes, media, cut } = head;
  if (bytes.length === 0) return <p class="soft">It is empty.</p>;
  if (media && !cut) return <Image bytes={bytes} media={media} name={name} />;
  if (type === 'HTML')
    return (
      <iframe class="html" title={name} sandbox="allow-scripts" src={`${url}?view=html`} referrerpolicy="no-referrer" />
    );
  if (type === 'Markdown') return <div class="markdown">{markdown(text)}</div>;
  if (isParquet(bytes)) return <Parquet url={url} />;
  if (bytes.subarray(0, 4096).includes(0)) return <p class="soft">Its content is not text.</p>;
  const rows = tableOf(text);
  if (rows) return <TextTable rows={rows} />;
  return <pre class="mono">{pretty(text, cut)}</pre>;
}

function Image({ bytes, media, name }: { bytes: Uint8Array<ArrayBuffer>; media: string; name: string }) {
  const [url] = useState(() => URL.createObjectURL(new Blob([bytes], { type: media })));
  return <img src={url} alt={name} />;
}

function pretty(text: string, cut: boolean): string {
  if (cut || !/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

// Comma or tab between the values of each line, the same number in all.
export function tableOf(text: string): string[][] | undefined {
  const lines = text.split('\n', TABLE_ROWS + 1).filter((line) => line.trim());
  for (const sign of [',', '\t']) {
    const rows = lines.slice(0, TABLE_ROWS).map((line) => split(line.replace(/\r$/, ''), sign));
    const width = rows[0]?.length ?? 0;
    if (rows.length > 1 && width > 1 && rows.every((row) => row.length === width)) return rows;
  }
  return undefined;
}

function split(line: string, sign: string): string[] {
  const values: string[] = [];
  let value = '';
  let quoted = false;
  for (let i = 0; i < line.length; ++i) {
    const letter = line[i]!;
    if (quoted && letter === '"' && line[i + 1] === '"') value += line[i++];
    else if (letter === '"') quoted = !quoted;
    else if (letter === sign && !quoted) {
      values.push(value);
      value = '';
    } else value += letter;
  }
  return [...values, value];
}

// What reads it is loaded only where there is such a file.
function Parquet({ url }: { url: string }) {
  const head = useLoaded(`parquet ${url}`, async (signal) =>
    (await import('../artifact/parquet')).parquetHead(url, TABLE_ROWS, signal),
  );
  return (
    <Show of={head}>
      {({ rows, total, hidden }) => (
        <>
          <TextTable rows={rows} />
          <p class="soft">
            {rows.length - 1} of {plural(total, 'row')}, {plural(rows[0]!.length, 'column')}
            {hidden > 0 && `, and ${hidden} more that are too large to show`}.
          </p>
        </>
      )}
    </Show>
  );
}

function TextTable({ rows }: { rows: string[][] }) {
  const [head, ...body] = rows;
  return (
    <div class="scroll">
      <table class="plain">
        <thead>
          <tr>
            {head!.map((cell) => (
              <th>{cell}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.map((row) => (
            <tr>
              {row.map((cell) => (
                <td>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
