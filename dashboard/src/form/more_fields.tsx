// What is seldom changed of a run, and how a schedule starts its runs.

import { Field } from './field';
import { ageText, type Fields } from './request';

interface Props {
  fields: Fields;
  change: (changes: Partial<Fields>) => void;
  errors: Record<string, string>;
}

export function More({ fields, change, errors, open }: Props & { open: boolean }) {
  return (
    <details class="more" open={open || undefined}>
      <summary>More</summary>
      <Cache fields={fields} change={change} errors={errors} />
      <Field
        id="pipeline-root"
        label="Pipeline root"
        error={errors.pipelineRoot}
        hint="Handed to tasks as a text; artifacts stay where the server keeps them"
      >
        {(about) => (
          <input
            {...about}
            class="mono"
            value={fields.pipelineRoot}
            onInput={(event) => change({ pipelineRoot: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field id="service-account" label="Service account" error={errors.serviceAccount} hint="Empty: the server's">
        {(about) => (
          <input
            {...about}
            value={fields.serviceAccount}
            onInput={(event) => change({ serviceAccount: event.currentTarget.value })}
          />
        )}
      </Field>
    </details>
  );
}

function Cache({ fields, change, errors }: Props) {
  return (
    <>
      <Field id="cache" label="Cache" error={fields.cache === 'age' ? undefined : errors.cache}>
        {(about) => (
          <select
            {...about}
            value={fields.cache}
            onChange={(event) => change({ cache: event.currentTarget.value as Fields['cache'] })}
          >
            <option value="server">As the pipeline and the server have it</option>
            <option value="off">Off: every task runs</option>
            <option value="age">Only results that are not too old</option>
          </select>
        )}
      </Field>
      {fields.cache === 'age' && (
        <Field
          id="cache-age"
          label="Not older than, in seconds"
          required
          error={errors.cache}
          hint={ageText(fields.maxAge)}
        >
          {(about) => (
            <input
              {...about}
              inputMode="numeric"
              value={fields.maxAge}
              onInput={(event) => change({ maxAge: event.currentTarget.value })}
            />
          )}
        </Field>
      )}
    </>
  );
}

// At most ten, which is the server's bound.
const CONCURRENT = Array.from({ length: 10 }, (_, i) => String(i + 1));

export function Concurrency({
  value,
  error,
  change,
}: {
  value: string;
  error: string | undefined;
  change: (value: string) => void;
}) {
  return (
    <Field id="max-concurrency" label="Runs at a time" error={error} hint="At most; what is due meanwhile waits">
      {(about) => (
        <select {...about} value={value} onChange={(event) => change(event.currentTarget.value)}>
          {CONCURRENT.map((count) => (
            <option key={count} value={count}>
              {count}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function CatchUp({ checked, change }: { checked: boolean; change: (checked: boolean) => void }) {
  return (
    <Field
      id="catch-up"
      label="Missed times"
      hint="Times that pass while the server is off; all of them includes those while the schedule is disabled"
    >
      {(about) => (
        <select
          {...about}
          value={checked ? 'all' : 'last'}
          onChange={(event) => change(event.currentTarget.value === 'all')}
        >
          <option value="all">Make up for all of them</option>
          <option value="last">Only the last one</option>
        </select>
      )}
    </Field>
  );
}

export function ScheduleFields({ fields, change, errors }: Props) {
  return (
    <>
      <Concurrency
        value={fields.maxConcurrency}
        error={errors.maxConcurrency}
        change={(maxConcurrency) => change({ maxConcurrency })}
      />
      <CatchUp checked={fields.catchUp} change={(catchUp) => change({ catchUp })} />
      <Field id="enabled" label="State">
        {(about) => (
          <select
            {...about}
            value={fields.enabled ? 'enabled' : 'disabled'}
            onChange={(event) => change({ enabled: event.currentTarget.value === 'enabled' })}
          >
            <option value="enabled">Enabled at once</option>
            <option value="disabled">Disabled</option>
          </select>
        )}
      </Field>
    </>
  );
}
