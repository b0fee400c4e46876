// A package from a file of this machine or from a URL: a new pipeline, or a new version of one.

import { useRef, useState } from 'preact/hooks';
import type { PackageSource } from '../api/pipelines';
import { Field } from '../form/field';
import { Refused } from '../parts/notice';
import { nowText } from '../words';

interface Props {
  what: 'pipeline' | 'version';
  send: (source: PackageSource) => Promise<void>;
  close: () => void;
}

const KINDS = '.yaml,.yml,.json,.zip,.tar.gz,.tgz';

// Names of pipelines are unique, and those of versions in their pipeline.
function nameOf(file: File, what: Props['what']): string {
  const base = file.name.replace(/\.(ya?ml|json|zip|tar\.gz|tgz)$/i, '');
  return what === 'version' ? `${base} ${nowText()}` : base;
}

export function Upload({ what, send, close }: Props) {
  const [from, setFrom] = useState<'file' | 'url'>('file');
  const [file, setFile] = useState<File>();
  const [url, setUrl] = useState('');
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const madeName = useRef(''); // a name that the reader wrote stays
  const take = (chosen: File | undefined) => {
    setFile(chosen);
    setFrom('file');
    if (!chosen || (name && name !== madeName.current)) return;
    madeName.current = nameOf(chosen, what);
    setName(madeName.current);
  };
  const ready = from === 'file' ? !!file : !!url.trim();
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await send({
        name: name.trim(),
        description: description.trim(),
        file: from === 'file' ? file : undefined,
        url: url.trim(),
      });
    } catch (refusal) {
      setError(refusal as Error);
    }
    setBusy(false);
  };
  return (
    <form
      class="box"
      aria-label={`Upload a ${what}`}
      onSubmit={submit}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        take(event.dataTransfer?.files[0]);
      }}
      onKeyDown={(event) => event.key === 'Escape' && (event.stopPropagation(), close())}
    >
      <h2>{what === 'pipeline' ? 'Upload a pipeline' : 'Upload a version'}</h2>
      <Source from={from} setFrom={setFrom} file={file} take={take} url={url} setUrl={setUrl} />
      <Field id="upload-name" label="Name" hint={from === 'file' ? 'Empty: that of the file' : undefined}>
        {(about) => <input {...about} value={name} onInput={(event) => setName(event.currentTarget.value)} />}
      </Field>
      <Field id="upload-description" label="Description">
        {(about) => (
          <textarea
            {...about}
            rows={2}
            value={description}
            onInput={(event) => setDescription(event.currentTarget.value)}
          />
        )}
      </Field>
      {error && <Refused error={error} />}
      <div class="row">
        <button class="primary" type="submit" disabled={!ready || busy}>
          {busy ? 'Uploading…' : 'Upload'}
        </button>
        <button type="button" class="quiet" onClick={close}>
          Cancel
        </button>
      </div>
    </form>
  );
}

interface SourceProps {
  from: 'file' | 'url';
  setFrom: (from: 'file' | 'url') => void;
  file: File | undefined;
  take: (file: File | undefined) => void;
  url: string;
  setUrl: (url: string) => void;
}

function Source({ from, setFrom, file, take, url, setUrl }: SourceProps) {
  return (
    <>
      <fieldset class="row choice">
        <legend class="visually-hidden">Where the package is</legend>
        <label>
          <input type="radio" name="from" checked={from === 'file'} onChange={() => setFrom('file')} /> A file
        </label>
        <label>
          <input type="radio" name="from" checked={from === 'url'} onChange={() => setFrom('url')} /> A URL
        </label>
      </fieldset>
      {from === 'file' ? (
        <Field
          id="upload-file"
          label="File"
          required
          hint={file ? `${file.name} is chosen` : 'YAML, JSON, zip or tar.gz; it may be dropped here, too'}
        >
          {(about) => (
            <input {...about} type="file" accept={KINDS} onChange={(event) => take(event.currentTarget.files?.[0])} />
          )}
        </Field>
      ) : (
        <Field
          id="upload-url"
          label="URL"
          required
          hint="The server fetches it, from https and the hosts that it allows"
        >
          {(about) => (
            <input
              {...about}
              type="url"
              placeholder="https://raw.githubusercontent.com/..."
              value={url}
              onInput={(event) => setUrl(event.currentTarget.value)}
            />
          )}
        </Field>
      )}
    </>
  );
}
