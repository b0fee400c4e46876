// Changes a schedule: its name, when it is due, and how it starts its runs.

import { useState } from 'preact/hooks';
import { updateSchedule, type Schedule } from '../api/schedules';
import { Field } from '../form/field';
import { CatchUp, Concurrency } from '../form/more_fields';
import { placed } from '../form/refusal';
import { Refused } from '../parts/notice';
import { tell } from '../parts/toast';
import { TriggerForm } from './trigger_form';
import { draftOf, triggerOf } from './trigger';

interface Props {
  schedule: Schedule;
  close: () => void;
  done: () => void;
}

export function Edit({ schedule, close, done }: Props) {
  const { recurring_run: before, time_zone } = schedule;
  const [first] = useState(() => draftOf(before.trigger, time_zone));
  const [draft, setDraft] = useState(first);
  const [name, setName] = useState(before.display_name);
  const [description, setDescription] = useState(before.description ?? '');
  const [most, setMost] = useState(before.max_concurrency ?? '1');
  const [catchUp, setCatchUp] = useState(before.no_catchup !== true);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [top, setTop] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const save = async () => {
    const read = triggerOf(draft);
    // An edited trigger counts from now on, so one that is as it was is not sent.
    const isNew = JSON.stringify(draft) !== JSON.stringify(first);
    setErrors(isNew ? read.errors : {});
    setTop(undefined);
    if (busy || (isNew && Object.keys(read.errors).length > 0)) return;
    setBusy(true);
    const body = {
      display_name: name,
      description,
      max_concurrency: most,
      no_catchup: !catchUp,
      ...(isNew ? { trigger: read.trigger } : {}),
    };
    try {
      await updateSchedule(before.recurring_run_id, body, {
        timeZone: isNew ? read.timeZone : undefined,
        force: draft.force,
      });
      tell(`${name} is changed.`);
      done();
    } catch (refusal) {
      const { fields, rest } = placed((refusal as Error).message, []);
      setErrors(fields);
      setTop(rest ? new Error(rest) : undefined);
      setBusy(false);
    }
  };
  return (
    <form
      class="box"
      aria-label="Edit the schedule"
      noValidate
      onSubmit={(event) => (event.preventDefault(), save())}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          save();
        } else if (event.key === 'Escape') {
          event.stopPropagation();
          close();
        }
      }}
    >
      <h2>Edit the schedule</h2>
      {top && <Refused error={top} />}
      <Field id="edit-name" label="Name" required error={errors.name}>
        {(about) => <input {...about} value={name} onInput={(event) => setName(event.currentTarget.value)} />}
      </Field>
      <Field id="edit-description" label="Description" error={errors.description}>
        {(about) => (
          <textarea
            {...about}
            rows={2}
            value={description}
            onInput={(event) => setDescription(event.currentTarget.value)}
          />
        )}
      </Field>
      <TriggerForm draft={draft} errors={errors} change={(changes) => setDraft((old) => ({ ...old, ...changes }))} />
      <Concurrency value={most} error={errors.maxConcurrency} change={setMost} />
      <CatchUp checked={catchUp} change={setCatchUp} />
      <p class="soft small">A trigger that is changed counts from now on: what was due before is not made up for.</p>
      <div class="row">
        <button class="primary" type="submit" disabled={busy}>
          Save
        </button>
        <button type="button" class="quiet" onClick={close}>
          Cancel
        </button>
      </div>
    </form>
  );
}
