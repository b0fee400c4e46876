// When a schedule is due: the fields, and the next times as the server counts them.

import { useEffect, useState } from 'preact/hooks';
import { previewTrigger, type Preview } from '../api/schedules';
import { Field, type About } from '../form/field';
import { placed } from '../form/refusal';
import { useLoaded } from '../load';
import { NextTimes } from './next_times';
import { PRESETS, readersZone, triggerOf, type Draft, type Unit } from './trigger';
import { cronText } from './words';

const PREVIEW_TICKS = 5;
const WAIT_MS = 250; // after a letter was typed
const RUNS_AN_HOUR = 1800; // past which the server wants it said twice

interface Props {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  errors: Record<string, string>; // by field, of what was sent
}

// A value once it has stayed the same for a while.
function useSettled<T>(value: T, key: string): T {
  const [settled, setSettled] = useState({ key, value });
  useEffect(() => {
    const timer = setTimeout(() => setSettled({ key, value }), WAIT_MS);
    return () => clearTimeout(timer);
  }, [key]);
  return settled.value;
}

export function TriggerForm({ draft, change, errors }: Props) {
  const read = triggerOf(draft);
  const settled = useSettled(read, JSON.stringify(read));
  const sound = Object.keys(settled.errors).length === 0;
  const preview = useLoaded(
    `preview ${sound ? JSON.stringify(settled) : ''}`,
    async (signal): Promise<Preview | undefined> =>
      sound ? previewTrigger(settled.trigger!, settled.timeZone ?? '', PREVIEW_TICKS, signal) : undefined,
  );
  const told = placed(preview.error?.message ?? '', []);
  const wrong = { ...told.fields, ...read.errors, ...errors };
  return (
    <>
      <fieldset class="row choice">
        <legend>Due</legend>
        <label>
          <input
            type="radio"
            name="trigger"
            checked={draft.kind === 'cron'}
            onChange={() => change({ kind: 'cron' })}
          />{' '}
          By cron
        </label>
        <label>
          <input
            type="radio"
            name="trigger"
            checked={draft.kind === 'interval'}
            onChange={() => change({ kind: 'interval' })}
          />{' '}
          At intervals
        </label>
      </fieldset>
      {draft.kind === 'cron' ? (
        <Cron draft={draft} change={change} errors={wrong} />
      ) : (
        <Interval draft={draft} change={change} errors={wrong} />
      )}
      <Bounds draft={draft} change={change} errors={wrong} />
      <Force draft={draft} change={change} errors={errors} runsAnHour={Number(preview.data?.most_runs_an_hour ?? 0)} />
      <div class="field">
        <span class="label">The next times</span>
        <div class="field-value" aria-live="polite">
          {told.rest && <p class="bad pre">{told.rest}</p>}
          {preview.data && (
            <NextTimes
              ticks={preview.data.ticks ?? []}
              timeZone={draft.kind === 'cron' ? preview.data.time_zone : undefined}
            />
          )}
        </div>
      </div>
    </>
  );
}

function Cron({ draft, change, errors }: Props) {
  const zones = typeof Intl.supportedValuesOf === 'function' ? ['UTC', ...Intl.supportedValuesOf('timeZone')] : ['UTC'];
  const words = cronText(draft.cron.trim());
  const fields = 'Minute, hour, day of the month, month, day of the week; with six fields, a second before them';
  return (
    <>
      <Field
        id="cron"
        label="Cron"
        required
        error={errors.cron}
        hint={words.startsWith('By cron') ? fields : `${words}\n${fields}`}
      >
        {(about) => (
          <div class="input-row">
            <input
              {...about}
              class="mono"
              value={draft.cron}
              spellcheck={false}
              autocomplete="off"
              onInput={(event) => change({ cron: event.currentTarget.value })}
            />
            <select aria-label="Fill in" value="" onChange={(event) => change({ cron: event.currentTarget.value })}>
              <option value="">Fill in…</option>
              {PRESETS.map(([title, cron]) => (
                <option key={cron} value={cron}>
                  {title}
                </option>
              ))}
            </select>
          </div>
        )}
      </Field>
      <Field
        id="time-zone"
        label="Time zone"
        error={errors.timeZone}
        hint={draft.timeZone === readersZone() ? 'Yours' : undefined}
      >
        {(about) => (
          <>
            <input
              {...about}
              list="time-zones"
              value={draft.timeZone}
              placeholder="UTC"
              autocomplete="off"
              onInput={(event) => change({ timeZone: event.currentTarget.value })}
            />
            <datalist id="time-zones">
              {zones.map((zone) => (
                <option key={zone} value={zone} />
              ))}
            </datalist>
          </>
        )}
      </Field>
    </>
  );
}

function Interval({ draft, change, errors }: Props) {
  return (
    <Field id="interval" label="Every" required error={errors.interval}>
      {(about) => (
        <div class="input-row">
          <input
            {...about}
            inputMode="numeric"
            size={6}
            value={draft.amount}
            onInput={(event) => change({ amount: event.currentTarget.value })}
          />
          <select
            aria-label="Unit"
            value={draft.unit}
            onChange={(event) => change({ unit: event.currentTarget.value as Unit })}
          >
            {(['second', 'minute', 'hour', 'day'] as Unit[]).map((unit) => (
              <option key={unit} value={unit}>
                {unit}s
              </option>
            ))}
          </select>
        </div>
      )}
    </Field>
  );
}

function Time({ about, value, change }: { about: About; value: string; change: (value: string) => void }) {
  return (
    <input
      {...about}
      type="datetime-local"
      step={1}
      value={value}
      onInput={(event) => change(event.currentTarget.value)}
    />
  );
}

function Bounds({ draft, change, errors }: Props) {
  const zone = readersZone();
  return (
    <>
      <Field id="start" label="From" error={errors.start} hint={`In your time zone, ${zone}; empty: at once`}>
        {(about) => <Time about={about} value={draft.start} change={(start) => change({ start })} />}
      </Field>
      <Field id="end" label="Until" error={errors.end} hint="Empty: for ever">
        {(about) => <Time about={about} value={draft.end} change={(end) => change({ end })} />}
      </Field>
    </>
  );
}

// Only where the server would refuse it otherwise.
function Force({ draft, change, errors, runsAnHour }: Props & { runsAnHour: number }) {
  const asked = runsAnHour > RUNS_AN_HOUR || Object.values(errors).some((error) => error.includes('force'));
  if (!asked && !draft.force) return null;
  return (
    <div class="field">
      <span />
      <label class="field-value">
        <input
          type="checkbox"
          checked={draft.force}
          onChange={(event) => change({ force: event.currentTarget.checked })}
        />{' '}
        {runsAnHour > RUNS_AN_HOUR
          ? `Start up to ${runsAnHour.toLocaleString('en')} runs an hour`
          : 'Start all of them, however many they are'}
      </label>
    </div>
  );
}
