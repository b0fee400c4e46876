// The log of one attempt: followed while it grows, searched, in the colours of terminals. What is loaded is text of the
// page, so that the browser's own find works; of a large log that is its end, and more is loaded on the way up.

import { Component } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError, call, send, urlOf } from '../api/http';
import { retryDelay } from '../load';
import { bytesText } from '../words';
import { errorLine, piecesOf, plainStyle } from './ansi';
import { Refused } from './notice';

const TAIL_BYTES = 256 << 10; // of what is loaded at first, and each time more is
const CHUNK_LINES = 200;
const LINE_LETTERS = 20_000; // of a line, past which it is cut

interface Props {
  url: string; // of the log
  searchUrl: string;
  attempt: number;
  ended: boolean;
  name: string;
  toError?: boolean;
}

interface Text {
  lines: string[];
  rest: string; // of the last line, which is not whole yet
  begin: number; // where in the file the first line begins
  end: number;
  error?: Error;
  whole: boolean; // all is read, and nothing will follow
}

const NOTHING: Text = { lines: [], rest: '', begin: 0, end: 0, whole: false };

function withMore(old: Text, more: string, bytes: number): Text {
  const parts = (old.rest + more).split('\n');
  const rest = parts.pop()!;
  return { ...old, lines: parts.length > 0 ? old.lines.concat(parts) : old.lines, rest, end: old.end + bytes };
}

// Reads the end of the log, and what is printed from then on.
function useLog({ url, attempt, ended }: Props): [Text, (text: Text) => void] {
  const [text, setText] = useState(NOTHING);
  useEffect(() => {
    setText(NOTHING);
    const abort = new AbortController();
    let at = -1; // nothing is read yet
    const read = async () => {
      const query = at < 0 ? { tail_bytes: TAIL_BYTES } : { offset_bytes: at };
      const answer = await send(url, { signal: abort.signal, query: { attempt, follow: !ended, ...query } });
      if (at < 0) {
        at = Number(answer.headers.get('X-Log-Offset') ?? 0);
        setText({ ...NOTHING, begin: at, end: at });
      }
      const decoder = new TextDecoder();
      const reader = answer.body!.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        at += value.length;
        const more = decoder.decode(value, { stream: true });
        setText((old) => withMore(old, more, value.length));
      }
    };
    (async () => {
      for (let tries = 0; !abort.signal.aborted; ++tries) {
        try {
          await read();
          setText((old) => ({ ...old, whole: true, error: undefined }));
          return;
        } catch (error) {
          if (abort.signal.aborted) return;
          if (error instanceof ApiError && error.status < 500) {
            setText((old) => ({ ...old, error: error as Error, whole: true }));
            return;
          }
          await new Promise((done) => setTimeout(done, retryDelay(tries)));
        }
      }
    })();
    return () => abort.abort();
  }, [url, attempt, ended]);
  return [text, setText];
}

async function readBefore({ url, attempt }: Props, text: Text): Promise<Text> {
  const begin = Math.max(0, text.begin - TAIL_BYTES);
  const answer = await send(url, { query: { attempt, offset_bytes: begin, limit_bytes: text.begin - begin } });
  let before = new Uint8Array(await answer.arrayBuffer());
  let skipped = 0;
  if (begin > 0) {
    // From the first whole line on.
    skipped = before.indexOf(10) + 1;
    before = before.subarray(skipped);
  }
  const lines = new TextDecoder().decode(before).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { ...text, lines: lines.concat(text.lines), begin: begin + skipped };
}

// Keeps the end of a box in sight until somebody scrolls up: also when its lines get their places only later, as those
// do that are wrapped or not seen yet. `stuck` says whether it does.
function useEnd(wanted: boolean) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const stuck = useRef(wanted);
  const before = useRef(0);
  useEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => {
      if (stuck.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    observer.observe(content.current!);
    return () => observer.disconnect();
  }, []);
  const onScroll = () => {
    const { scrollTop, clientHeight, scrollHeight } = box.current!;
    if (scrollTop + clientHeight >= scrollHeight - 30) stuck.current = true;
    else if (scrollTop < before.current) stuck.current = false;
    before.current = scrollTop;
  };
  return { box, content, stuck, onScroll };
}

export function Log(props: Props) {
  const [text, setText] = useLog(props);
  const [find, setFind] = useState('');
  const [at, setAt] = useState(0);
  const [full, setFull] = useState(false);
  const { box, content, stuck, onScroll } = useEnd(!props.toError);
  const jumped = useRef(false);
  const lines = useMemo(() => (text.rest ? [...text.lines, text.rest] : text.lines), [text.lines, text.rest]);
  const found = useMemo(() => {
    const wanted = find.toLowerCase();
    return wanted ? lines.flatMap((line, i) => (line.toLowerCase().includes(wanted) ? [i] : [])) : [];
  }, [lines, find]);

  const show = (line: number) => {
    stuck.current = false;
    requestAnimationFrame(() =>
      box.current?.querySelector(`[data-line="${line}"]`)?.scrollIntoView({ block: 'center' }),
    );
  };
  useEffect(() => {
    if (!props.toError || jumped.current || !text.whole) return;
    jumped.current = true;
    const line = errorLine(lines);
    if (line >= 0) show(line);
    else box.current!.scrollTop = box.current!.scrollHeight;
  }, [text.whole, lines]);
  useEffect(() => {
    if (found[at] !== undefined) show(found[at]!);
  }, [found, at]);

  const chunks = [];
  for (let first = 0; first < lines.length; first += CHUNK_LINES) chunks.push(first);
  return (
    <div class={full ? 'full' : 'pane grow'}>
      <Bar
        {...props}
        text={text}
        find={find}
        told={found.length > 0 ? `${at + 1} of ${found.length}` : 'nothing'}
        setFind={(wanted) => {
          setFind(wanted);
          setAt(0);
        }}
        step={(by) => found.length > 0 && setAt((at + by + found.length) % found.length)}
        full={full}
        setFull={setFull}
      />
      {text.error && <Refused error={text.error} />}
      <div class="log" ref={box} tabIndex={0} role="log" aria-label={`Log of ${props.name}`} onScroll={onScroll}>
        <div ref={content}>
          {text.begin > 0 && (
            <div class="filters">
              <button
                onClick={() => readBefore(props, text).then(setText, (error: Error) => setText({ ...text, error }))}
              >
                Load {bytesText(Math.min(text.begin, TAIL_BYTES))} more
              </button>
              <span class="soft">{bytesText(text.begin)} before this</span>
            </div>
          )}
          {text.whole && !text.error && lines.length === 0 && <div class="notice-empty">It printed nothing.</div>}
          {chunks.map((first) => (
            <Chunk
              key={first}
              first={first}
              lines={lines.slice(first, first + CHUNK_LINES)}
              numbered={text.begin === 0}
              find={find.toLowerCase()}
              at={found[at] ?? -1}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

interface BarProps extends Props {
  text: Text;
  find: string;
  told: string; // where in what was found
  setFind: (find: string) => void;
  step: (by: number) => void;
  full: boolean;
  setFull: (full: boolean) => void;
}

function Bar({ text, find, told, setFind, step, full, setFull, ...props }: BarProps) {
  return (
    <div class="log-bar">
      <input
        type="search"
        data-find
        placeholder="Find in the log"
        aria-label="Find in the log"
        value={find}
        size={16}
        onInput={(event) => setFind(event.currentTarget.value)}
        onKeyDown={(event) => event.key === 'Enter' && step(event.shiftKey ? -1 : 1)}
      />
      {find && (
        <span role="status" class="small soft">
          {told} {text.begin > 0 && 'in what is loaded'}
        </span>
      )}
      {find && text.begin > 0 && <FindAll {...props} find={find} />}
      <span class="grow" />
      <span class="soft small">{bytesText(text.end)}</span>
      {!text.whole && (
        <span class="small" role="status">
          live
        </span>
      )}
      <a href={urlOf(props.url, { attempt: props.attempt })} download={`${props.name}.log`}>
        Download
      </a>
      <button onClick={() => setFull(!full)}>{full ? 'Smaller' : 'Full screen'}</button>
    </div>
  );
}

interface Match {
  offset_bytes?: string;
  line_number?: string;
  line: string;
}

// Looks through the whole file, on the server.
function FindAll({ searchUrl, attempt, find }: Props & { find: string }) {
  const [matches, setMatches] = useState<{ find: string; found?: Match[]; more?: boolean; error?: string }>();
  const search = async () => {
    try {
      const answer = await call<{ matches?: Match[]; truncated?: boolean }>(searchUrl, {
        query: { attempt, text: find },
      });
      setMatches({ find, found: answer.matches ?? [], more: answer.truncated });
    } catch (error) {
      setMatches({ find, error: (error as Error).message });
    }
  };
  if (matches?.find !== find) return <button onClick={search}>Find in all of it</button>;
  return (
    <details class="menu">
      <summary>{matches.error ?? `${matches.found!.length}${matches.more ? ' and more' : ''} in all of it`}</summary>
      <div class="menu-body mono">
        {(matches.found ?? []).map((match) => (
          <div key={match.line_number}>
            <span class="soft">{match.line_number}</span> {match.line}
          </div>
        ))}
      </div>
    </details>
  );
}

interface ChunkProps {
  first: number;
  lines: string[];
  numbered: boolean;
  find: string;
  at: number;
}

function sameChunk(a: ChunkProps, b: ChunkProps): boolean {
  const inChunk = ({ at, first }: ChunkProps) => (at >= first && at < first + CHUNK_LINES ? at : -1);
  return (
    a.first === b.first &&
    a.numbered === b.numbered &&
    a.find === b.find &&
    inChunk(a) === inChunk(b) &&
    a.lines.length === b.lines.length &&
    a.lines[0] === b.lines[0] &&
    a.lines.at(-1) === b.lines.at(-1)
  );
}

// Drawn again only when its lines or what is found in them have changed.
class Chunk extends Component<ChunkProps> {
  override shouldComponentUpdate(next: ChunkProps): boolean {
    return !sameChunk(this.props, next);
  }

  override render({ first, lines, numbered, find, at }: ChunkProps) {
    const style = plainStyle();
    return (
      <div class="log-chunk" style={{ containIntrinsicSize: `auto ${lines.length * 18}px` }}>
        {lines.map((line, i) => {
          const cut = line.length > LINE_LETTERS ? line.slice(0, LINE_LETTERS) : line;
          const pieces = piecesOf(cut, style).map(({ text, classes }) => {
            const shown = find ? marked(text, find, first + i === at) : text;
            return classes ? <span class={classes}>{shown}</span> : shown;
          });
          return (
            <div key={i} class="log-line" data-line={first + i} data-number={numbered ? first + i + 1 : undefined}>
              {pieces}
              {cut !== line && (
                <span class="soft"> … {(line.length - LINE_LETTERS).toLocaleString('en')} letters more</span>
              )}
            </div>
          );
        })}
      </div>
    );
  }
}

function marked(text: string, find: string, here: boolean) {
  const lower = text.toLowerCase();
  const parts = [];
  let from = 0;
  for (let to = lower.indexOf(find); to >= 0; to = lower.indexOf(find, from)) {
    parts.push(text.slice(from, to), <mark class={here ? 'at' : undefined}>{text.slice(to, to + find.length)}</mark>);
    from = to + find.length;
  }
  parts.push(text.slice(from));
  return parts;
}
