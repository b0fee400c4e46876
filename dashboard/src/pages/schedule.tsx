// One schedule: when it is due, what became of each time and why, and its runs.

import { useEffect, useState } from 'preact/hooks';
import { RunStarter } from '../api/create_run';
import { call } from '../api/http';
import { getPipeline } from '../api/pipelines';
import { deleteSchedule, getSchedule, previewOf, type RecurringRun, type Schedule } from '../api/schedules';
import type { Experiment } from '../api/types';
import { useLoaded } from '../load';
import { Confirm } from '../parts/confirm';
import { Show } from '../parts/notice';
import { useCommands, useKeys } from '../parts/palette';
import { Tabs } from '../parts/tabs';
import { Ago } from '../parts/time';
import { tell, tellError } from '../parts/toast';
import { Values } from '../parts/value';
import { go, hrefOf, setQuery, type Place } from '../router';
import { specOf } from '../run/tree';
import { runByHand } from '../schedule/by_hand';
import { Edit } from '../schedule/edit';
import { NextTimes } from '../schedule/next_times';
import { EnabledSwitch } from '../schedule/parts';
import { RunsOf, Ticks } from '../schedule/ticks';
import { triggerText } from '../schedule/words';
import { exactTime, nowText } from '../words';

const REFRESH_MS = 15_000;
const NEXT_TIMES = 10;
const TABS: [string, string][] = [
  ['ticks', 'Past times'],
  ['runs', 'Runs'],
  ['next', 'Next times'],
  ['details', 'Details'],
];

export default function SchedulePage({ place }: { place: Place }) {
  const id = place.path.at(-1)!;
  const schedule = useLoaded(`schedule ${id}`, (signal) => getSchedule(id, signal), REFRESH_MS);
  const name = schedule.data?.recurring_run.display_name;
  useEffect(() => {
    document.title = `${name ?? 'Schedule'} - Penstock`;
  }, [name]);
  return (
    <div class="page">
      {!schedule.data && (
        <div class="page-head">
          <h1>Schedule</h1>
        </div>
      )}
      <Show of={schedule}>{(data) => <Whole key={id} schedule={data} place={place} reload={schedule.reload} />}</Show>
    </div>
  );
}

function Whole({ schedule, place, reload }: { schedule: Schedule; place: Place; reload: () => void }) {
  const of = schedule.recurring_run;
  const id = of.recurring_run_id;
  const edits = place.query.get('edit') === 'true';
  const wanted = place.query.get('tab') ?? '';
  const tab = TABS.some(([key]) => key === wanted) ? wanted : 'ticks';
  const [round, setRound] = useState(0); // of what an action changed
  const changed = () => {
    reload();
    setRound((old) => old + 1);
  };
  const [starter] = useState(() => new RunStarter());
  const runNow = () => {
    starter
      .start(runByHand(of, `${of.display_name} ${nowText()}`))
      .then((run) => go(hrefOf(['runs', 'details', run.run_id])), tellError);
  };
  const edit = () => setQuery({ edit: edits ? undefined : 'true' });
  const clone = hrefOf(['runs', 'new'], { cloneFromRecurringRun: id, recurring: '1' });
  useKeys({ Escape: () => edits && setQuery({ edit: undefined }) });
  useCommands([
    { title: 'Run this schedule now', run: runNow },
    { title: 'Edit this schedule', run: () => setQuery({ edit: 'true' }) },
    { title: 'Clone this schedule', run: () => go(clone) },
    ...TABS.map(([key, title]) => ({
      title: `Show ${title.toLowerCase()} of this schedule`,
      run: () => setQuery({ tab: key }),
    })),
  ]);
  return (
    <>
      <div class="page-head">
        <h1>{of.display_name}</h1>
        <EnabledSwitch schedule={of} done={changed} />
        <span class="soft">
          {triggerText(of.trigger)}
          {of.status === 'ENABLED' && schedule.next_due_at && (
            <>
              ; next <Ago at={schedule.next_due_at} />
            </>
          )}
          {of.status === 'ENABLED' && !schedule.next_due_at && '; it is not due any more'}
        </span>
        <span class="grow" />
        <button onClick={runNow}>Run now</button>
        <button aria-expanded={edits} onClick={edit}>
          Edit
        </button>
        <a class="button" href={clone}>
          Clone
        </a>
        <Confirm
          title="Delete"
          question="Delete this schedule? Its runs stay."
          act={async () => {
            await deleteSchedule(id);
            tell(`${of.display_name} is deleted.`);
            go('#/recurringruns');
          }}
        />
      </div>
      {of.description && <p class="about pre">{of.description}</p>}
      {of.error?.message && <p class="failure pre">The last time started no run: {of.error.message}</p>}
      {edits && (
        <Edit
          schedule={schedule}
          close={() => setQuery({ edit: undefined })}
          done={() => {
            setQuery({ edit: undefined });
            changed();
          }}
        />
      )}
      <Tabs label="Schedule" tabs={TABS} at={tab} choose={(key) => setQuery({ tab: key })} />
      {tab === 'ticks' && <Ticks id={id} round={round} />}
      {tab === 'runs' && <RunsOf id={id} round={round} />}
      {tab === 'next' && <Next schedule={schedule} round={round} />}
      {tab === 'details' && <Details schedule={schedule} />}
    </>
  );
}

function Next({ schedule, round }: { schedule: Schedule; round: number }) {
  const id = schedule.recurring_run.recurring_run_id;
  const isCron = !!schedule.recurring_run.trigger?.cron_schedule;
  const loaded = useLoaded(`next ${id} ${round}`, (signal) => previewOf(id, NEXT_TIMES, signal), REFRESH_MS);
  return (
    <div class="panel-body" tabIndex={0} role="region" aria-label="Next times">
      {schedule.recurring_run.status !== 'ENABLED' && <p class="soft">It is disabled. If it were enabled:</p>}
      <Show of={loaded}>
        {({ ticks = [], time_zone }) => <NextTimes ticks={ticks} timeZone={isCron ? time_zone : undefined} />}
      </Show>
    </div>
  );
}

function PipelineLink({ of }: { of: RecurringRun }) {
  const { pipeline_id: id = '', pipeline_version_id: version } = of.pipeline_version_reference ?? {};
  const loaded = useLoaded(`pipeline ${id}`, async (signal) => (id ? getPipeline(id, signal) : undefined));
  if (!id) return <>{specOf(of).pipelineInfo?.name ?? ''}, as it was compiled for the schedule</>;
  return (
    <>
      <a href={hrefOf(['pipelines', 'details', id, ...(version ? ['version', version] : [])])}>
        {loaded.data?.display_name ?? id}
      </a>
      {version ? ', always this version' : ', its newest version at each time'}
      {loaded.error && <span class="bad"> {loaded.error.message}</span>}
    </>
  );
}

function ExperimentLink({ id }: { id: string }) {
  const path = `/apis/v2beta1/experiments/${encodeURIComponent(id)}`;
  const loaded = useLoaded(path, (signal) => call<Experiment>(path, { signal }));
  return <a href={hrefOf(['experiments', 'details', id])}>{loaded.data?.display_name ?? id}</a>;
}

function factsOf({
  recurring_run: of,
  time_zone,
  run_count,
  most_runs_an_hour,
}: Schedule): [string, string | undefined][] {
  const bounds = of.trigger?.cron_schedule ?? of.trigger?.periodic_schedule;
  const facts: [string, string | undefined][] = [
    ['Due', triggerText(of.trigger)],
    ['Cron', of.trigger?.cron_schedule?.cron],
    ['Time zone', of.trigger?.cron_schedule && time_zone],
    ['From', bounds?.start_time && exactTime(bounds.start_time)],
    ['Until', bounds?.end_time && exactTime(bounds.end_time)],
    ['Runs at a time', of.max_concurrency],
    ['Missed times', of.no_catchup ? 'only the last one is run' : 'all are made up for'],
    ['Runs so far', run_count ?? '0'],
    ['Runs an hour, at most', most_runs_an_hour],
    ['Pipeline root', of.runtime_config?.pipeline_root],
    ['Service account', of.service_account],
    ['Created', exactTime(of.created_at)],
    ['Changed', of.updated_at && exactTime(of.updated_at)],
    ['Id', of.recurring_run_id],
  ];
  return facts.filter(([, value]) => value);
}

function Details({ schedule }: { schedule: Schedule }) {
  const of = schedule.recurring_run;
  return (
    <div class="panel-body" tabIndex={0} role="region" aria-label="Details">
      <dl class="facts">
        <dt>Pipeline</dt>
        <dd>
          <PipelineLink of={of} />
        </dd>
        <dt>Experiment</dt>
        <dd>
          <ExperimentLink id={of.experiment_id} />
        </dd>
        {factsOf(schedule).map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
      </dl>
      <h2>Parameters</h2>
      <Values
        of={Object.entries(of.runtime_config?.parameters ?? {})}
        empty="None was given; the pipeline's defaults hold."
      />
      {of.plugins_input && (
        <>
          <h2>Settings</h2>
          <Values of={Object.entries(of.plugins_input)} />
        </>
      )}
    </div>
  );
}
