// A user's own key-values and note on a run, a task, an artifact or an experiment: shown, and edited.

import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from '../api/http';
import type { Json } from '../api/types';
import { useLoaded } from '../load';
import { markdown } from './markdown';
import { Show } from './notice';
import { tell } from './toast';
import { changeOf, fieldOf, KINDS, type Field, type Kind } from './user_values';
import { Values } from './value';

export interface MetadataOwner {
  experiment_id?: string;
  run_id?: string;
  task_id?: string;
  artifact_id?: string;
}

interface Metadata {
  values?: Record<string, Json>;
  note?: string;
}

const PATH = '/apis/penstock/v1/user_metadata';
const NEW: Field = { key: '', kind: 'text', text: '' };

interface Props {
  owner: MetadataOwner;
  note?: string; // what the note is called: that of an experiment or a run is its description
  changed?: () => void;
}

export function UserMetadata({ owner, note = 'Note', changed }: Props) {
  const title = `Tags and ${note.toLowerCase()}`;
  const query = Object.fromEntries(Object.entries(owner).map(([name, id]) => [`owner.${name}`, id]));
  const loaded = useLoaded(`${PATH} ${JSON.stringify(owner)}`, (signal) => call<Metadata>(PATH, { signal, query }));
  const [editing, setEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => {
    setEditing(false);
    setTimeout(() => button.current?.focus());
  };
  return (
    <section aria-label={title} class="user-metadata">
      <div class="row">
        <h2>{title}</h2>
        {loaded.data && !editing && (
          <button ref={button} onClick={() => setEditing(true)} aria-label={`Edit ${title.toLowerCase()}`}>
            Edit
          </button>
        )}
      </div>
      <Show of={loaded}>
        {(data) =>
          editing ? (
            <Form
              data={data}
              owner={owner}
              noteTitle={note}
              close={close}
              done={() => (loaded.reload(), changed?.())}
            />
          ) : (
            <>
              {data.note && <div class="markdown note">{markdown(data.note)}</div>}
              <Values of={Object.entries(data.values ?? {})} empty={data.note ? undefined : 'None yet'} />
            </>
          )
        }
      </Show>
    </section>
  );
}

interface FormProps {
  data: Metadata;
  owner: MetadataOwner;
  noteTitle: string;
  close: () => void;
  done: () => void;
}

function Form({ data, owner, noteTitle, close, done }: FormProps) {
  const before = data.values ?? {};
  const [fields, setFields] = useState<Field[]>(() => [
    ...Object.entries(before).map(([key, value]) => fieldOf(key, value)),
    NEW,
  ]);
  const [note, setNote] = useState(data.note ?? '');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current!.querySelector('input')?.focus(), []);
  const change = (at: number, by: Partial<Field>) =>
    setFields(fields.map((field, i) => (i === at ? { ...field, ...by } : field)));
  const save = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const { set, remove } = changeOf(before, fields);
      await call(PATH, {
        method: 'PATCH',
        body: { owner, set, remove, ...(note === (data.note ?? '') ? {} : { note }) },
      });
      tell('Saved.');
      done();
      close();
    } catch (failed) {
      setError((failed as Error).message);
      setBusy(false);
    }
  };
  return (
    <form
      ref={form}
      onSubmit={save}
      onKeyDown={(event) => event.key === 'Escape' && (event.stopPropagation(), close())}
    >
      {fields.map((field, i) => (
        <FieldRow
          key={i}
          field={field}
          number={i + 1}
          change={(by) => change(i, by)}
          remove={() => setFields(fields.filter((_, at) => at !== i))}
        />
      ))}
      <p>
        <button type="button" onClick={() => setFields([...fields, NEW])}>
          Add a value
        </button>
      </p>
      <label class="stacked">
        {noteTitle} (Markdown)
        <textarea rows={4} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
      </label>
      {error && (
        <p class="bad" role="alert">
          {error}
        </p>
      )}
      <p class="row">
        <button type="submit" class="primary" disabled={busy}>
          Save
        </button>
        <button type="button" onClick={close}>
          Cancel
        </button>
      </p>
    </form>
  );
}

interface FieldProps {
  field: Field;
  number: number;
  change: (by: Partial<Field>) => void;
  remove: () => void;
}

function FieldRow({ field, number, change, remove }: FieldProps) {
  const of = field.key || `value ${number}`;
  return (
    <div class="row user-value">
      <input
        aria-label={`Name of value ${number}`}
        placeholder="Name"
        value={field.key}
        size={16}
        spellcheck={false}
        onInput={(event) => change({ key: event.currentTarget.value })}
      />
      <select
        aria-label={`Type of ${of}`}
        value={field.kind}
        onChange={(event) => change({ kind: event.currentTarget.value as Kind })}
      >
        {KINDS.map((kind) => (
          <option key={kind}>{kind}</option>
        ))}
      </select>
      {field.kind === 'yes or no' ? (
        <select
          aria-label={`Value of ${of}`}
          value={String(field.text === 'true')}
          onChange={(event) => change({ text: event.currentTarget.value })}
        >
          <option value="true">yes</option>
          <option value="false">no</option>
        </select>
      ) : (
        <input
          class="grow"
          aria-label={`Value of ${of}`}
          placeholder="Value"
          value={field.text}
          inputMode={field.kind === 'number' ? 'decimal' : undefined}
          onInput={(event) => change({ text: event.currentTarget.value })}
        />
      )}
      <button type="button" class="quiet" aria-label={`Remove ${of}`} onClick={remove}>
        ×
      </button>
    </div>
  );
}
