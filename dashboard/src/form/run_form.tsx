// The form of a new run or of a new schedule.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { RunStarter } from '../api/create_run';
import { ApiError } from '../api/http';
import { createSchedule } from '../api/schedules';
import { Loading, Refused } from '../parts/notice';
import { useCommands } from '../parts/palette';
import { tell } from '../parts/toast';
import { go, hrefOf, setQuery, type Place } from '../router';
import { TriggerForm } from '../schedule/trigger_form';
import { draftOf, triggerOf, type Draft } from '../schedule/trigger';
import { nowText } from '../words';
import { ExperimentField } from './experiment_field';
import { Field } from './field';
import { InputField } from './input_field';
import { filledOf, inputsOf, readForm, type Form, type Input } from './inputs';
import { More, ScheduleFields } from './more_fields';
import { cloneName, runName, scheduleName } from './names';
import type { Origin } from './origin';
import { PipelineChoice, sourceOf, useChosen, type Chosen } from './pipeline_choice';
import { placed } from './refusal';
import { bodyOf, checkFields, fieldsOf, scheduleBodyOf, type Fields } from './request';

interface Problems {
  fields: Record<string, string>; // by field; inputs have "input:NAME"
  top?: Error; // about none of them
}

const MORE_FIELDS = ['pipelineRoot', 'serviceAccount', 'cache'];

function nameFor(origin: Origin | undefined, title: string, recurring: boolean, now: string): string {
  if (origin && (origin.what === 'schedule') === recurring) return cloneName(origin.name);
  const of = title || origin?.name || '';
  return of && (recurring ? scheduleName(of) : runName(of, now));
}

// Sends what the form holds, and says what is wrong with it.
function useSend(recurring: boolean) {
  const [problems, setProblems] = useState<Problems>({ fields: {} });
  const [busy, setBusy] = useState(false);
  const [starter] = useState(() => new RunStarter());
  const send = async (body: object, draft: Draft, fields: Fields, inputs: Input[]) => {
    setBusy(true);
    try {
      if (recurring) {
        const { trigger, timeZone } = triggerOf(draft);
        const made = await createSchedule(
          { ...body, ...scheduleBodyOf(fields), trigger },
          { timeZone, force: draft.force },
        );
        tell(`${made.recurring_run.display_name} is stored.`);
        go(hrefOf(['recurringrun', 'details', made.recurring_run.recurring_run_id]));
      } else {
        const made = await starter.start(body);
        go(hrefOf(['runs', 'details', made.run_id]));
      }
    } catch (error) {
      const { fields: about, rest } = placed(
        (error as Error).message,
        inputs.map(({ name }) => name),
      );
      const refused = error instanceof ApiError && error.status < 500;
      setProblems(
        refused ? { fields: about, top: rest ? new Error(rest) : undefined } : { fields: {}, top: error as Error },
      );
      setBusy(false);
    }
  };
  return { problems, setProblems, busy, send };
}

// Wherever the reader is on the page.
function useCtrlEnter(act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const take = (event: KeyboardEvent) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.repeat) return;
      event.preventDefault();
      latest.current();
    };
    addEventListener('keydown', take);
    return () => removeEventListener('keydown', take);
  }, []);
}

export function RunForm({ place, origin }: { place: Place; origin: Origin | undefined }) {
  const recurring = place.query.get('recurring') === '1';
  const chosen = useChosen(place, origin);
  const inputs = useMemo(() => (chosen.spec ? inputsOf(chosen.spec) : []), [chosen.spec]);
  const [written, setWritten] = useState<Form>({});
  const [fields, setFields] = useState(() => fieldsOf(origin));
  const [draft, setDraft] = useState(() =>
    draftOf(origin?.schedule?.recurring_run.trigger, origin?.schedule?.time_zone ?? 'UTC'),
  );
  const [now] = useState(nowText);
  const { problems, setProblems, busy, send } = useSend(recurring);
  const form = useRef<HTMLFormElement>(null);
  const filled = filledOf(inputs, origin?.parameters ?? {}, written);
  const name = fields.name ?? nameFor(origin, chosen.title, recurring, now);
  const experimentId = place.query.get('experimentId') ?? origin?.experimentId ?? '';
  const change = (changes: Partial<Fields>) => setFields((old) => ({ ...old, ...changes }));

  const submit = () => {
    if (busy || chosen.loading) return;
    const { parameters, errors } = readForm(inputs, filled);
    const wrong: Record<string, string> = {
      ...checkFields(fields, recurring),
      ...(recurring ? triggerOf(draft).errors : {}),
    };
    for (const [input, error] of Object.entries(errors)) wrong[`input:${input}`] = error;
    const source = sourceOf(chosen, recurring && !chosen.versionId);
    if (!source) wrong.pipeline = chosen.pipelineId ? 'It has no version that could run.' : 'Choose a pipeline.';
    setProblems({ fields: wrong });
    if (source && Object.keys(wrong).length === 0)
      send(bodyOf(fields, name, experimentId, source, parameters, origin), draft, fields, inputs);
  };
  // The first thing that is wrong is where the reader goes on.
  useEffect(() => {
    if (Object.keys(problems.fields).length + (problems.top ? 1 : 0) === 0) return;
    const first = form.current!.querySelector<HTMLElement>(problems.top ? '[role=alert]' : '[aria-invalid=true]');
    first?.scrollIntoView({ block: 'center' });
    first?.focus();
  }, [problems]);
  useCtrlEnter(submit);
  useCommands([{ title: recurring ? 'Store this schedule' : 'Start this run', run: submit }]);
  const wrong = problems.fields;
  return (
    <form class="form" ref={form} noValidate onSubmit={(event) => (event.preventDefault(), submit())}>
      {problems.top && <Refused error={problems.top} />}
      {origin && <From origin={origin} />}
      <OnceOrOften recurring={recurring} />
      <PipelineChoice
        chosen={chosen}
        origin={origin}
        recurring={recurring}
        error={wrong.pipeline ?? chosen.error?.message}
      />
      <Field id="name" label="Name" required error={wrong.name}>
        {(about) => <input {...about} value={name} onInput={(event) => change({ name: event.currentTarget.value })} />}
      </Field>
      <ExperimentField wanted={experimentId} error={wrong.experiment} />
      <Field id="description" label="Description" error={wrong.description}>
        {(about) => (
          <textarea
            {...about}
            rows={Math.min(6, fields.description.split('\n').length)}
            value={fields.description}
            onInput={(event) => change({ description: event.currentTarget.value })}
          />
        )}
      </Field>
      {recurring && (
        <fieldset class="group">
          <legend>Schedule</legend>
          <TriggerForm draft={draft} errors={wrong} change={(changes) => setDraft((old) => ({ ...old, ...changes }))} />
          <ScheduleFields fields={fields} change={change} errors={wrong} />
        </fieldset>
      )}
      <Inputs
        chosen={chosen}
        inputs={inputs}
        filled={filled}
        errors={wrong}
        origin={origin}
        change={(input, to) => {
          setWritten((old) => ({ ...old, [input]: to }));
          setProblems((old) => ({ ...old, fields: { ...old.fields, [`input:${input}`]: '' } }));
        }}
      />
      <More fields={fields} change={change} errors={wrong} open={MORE_FIELDS.some((field) => wrong[field])} />
      <div class="form-foot">
        <button class="primary" type="submit" disabled={busy || chosen.loading} aria-keyshortcuts="Control+Enter">
          {recurring ? 'Store the schedule' : 'Start the run'}
        </button>
        <span class="soft small">
          <kbd>Ctrl</kbd> <kbd>Enter</kbd>
        </span>
      </div>
    </form>
  );
}

function From({ origin }: { origin: Origin }) {
  return (
    <p class="about">
      Filled in from the {origin.what} <a href={origin.href}>{origin.name}</a>.
    </p>
  );
}

function OnceOrOften({ recurring }: { recurring: boolean }) {
  return (
    <fieldset class="row choice">
      <legend class="visually-hidden">How often</legend>
      <label>
        <input
          type="radio"
          name="recurring"
          checked={!recurring}
          onChange={() => setQuery({ recurring: undefined }, true)}
        />{' '}
        Run once, now
      </label>
      <label>
        <input type="radio" name="recurring" checked={recurring} onChange={() => setQuery({ recurring: '1' }, true)} />
        {' On a schedule'}
      </label>
    </fieldset>
  );
}

interface InputsProps {
  chosen: Chosen;
  inputs: Input[];
  filled: Form;
  errors: Record<string, string>;
  origin: Origin | undefined;
  change: (input: string, to: Form[string]) => void;
}

function Inputs({ chosen, inputs, filled, errors, origin, change }: InputsProps) {
  if (chosen.loading) return <Loading />;
  if (!chosen.spec) return null;
  const unknown = Object.keys(origin?.parameters ?? {}).filter((name) => !inputs.some((input) => input.name === name));
  return (
    <fieldset class="group">
      <legend>Inputs</legend>
      {inputs.length === 0 && <p class="soft">This pipeline takes none.</p>}
      {inputs.map((input, i) => (
        <InputField
          key={input.name}
          id={`input-${i}`}
          input={input}
          filled={filled[input.name]!}
          error={errors[`input:${input.name}`] || undefined}
          change={(to) => change(input.name, to)}
        />
      ))}
      {unknown.length > 0 && (
        <p class="why-box">
          This version has no input {unknown.join(', ')}, which the {origin!.what} was given.
        </p>
      )}
    </fieldset>
  );
}
