// One experiment: its runs, its schedules, and what is known of it.

import { useEffect, useState } from 'preact/hooks';
import { lastRunOf } from '../api/experiments';
import { call } from '../api/http';
import type { Experiment } from '../api/types';
import { useLoaded } from '../load';
import { ArchiveExperiment } from '../parts/archive_experiment';
import { Empty, Loading, Refused, Show } from '../parts/notice';
import { useCommands } from '../parts/palette';
import { Table } from '../parts/table';
import { Tabs } from '../parts/tabs';
import { Ago } from '../parts/time';
import { UserMetadata } from '../parts/user_metadata';
import { Values } from '../parts/value';
import { usePaged } from '../paged';
import { hrefOf, setQuery, type Place } from '../router';
import { durationText, exactTime } from '../words';
import { RunList } from './runs';

const TABS: [string, string][] = [
  ['runs', 'Runs'],
  ['schedules', 'Schedules'],
  ['details', 'Details'],
];
const PAGE = 50;

export default function ExperimentPage({ place }: { place: Place }) {
  const id = place.path.at(-1)!;
  const loaded = useLoaded(`experiment ${id}`, (signal) =>
    call<Experiment>(`/apis/v2beta1/experiments/${encodeURIComponent(id)}`, { signal }),
  );
  useEffect(() => {
    document.title = `${loaded.data?.display_name ?? 'Experiment'} - Penstock`;
  }, [loaded.data?.display_name]);
  return (
    <Show of={loaded}>{(experiment) => <Whole experiment={experiment} place={place} reload={loaded.reload} />}</Show>
  );
}

function Whole({ experiment, place, reload }: { experiment: Experiment; place: Place; reload: () => void }) {
  const [archiving, setArchiving] = useState(false);
  const archived = experiment.storage_state === 'ARCHIVED';
  const wanted = place.query.get('tab') ?? '';
  const tab = TABS.some(([key]) => key === wanted) ? wanted : 'runs';
  const word = archived ? 'Restore' : 'Archive';
  useCommands([
    ...TABS.map(([key, title]) => ({
      title: `Show ${title.toLowerCase()} of this experiment`,
      run: () => setQuery({ tab: key }),
    })),
    { title: `${word} this experiment`, run: () => setArchiving(true) },
  ]);
  return (
    <div class="page">
      <div class="page-head">
        <h1>{experiment.display_name}</h1>
        {archived && <span class="soft">archived</span>}
        <span class="soft">
          created <Ago at={experiment.created_at} />
        </span>
        <span class="grow" />
        <button onClick={() => setArchiving(true)}>{word}</button>
      </div>
      {archiving && <ArchiveExperiment experiment={experiment} done={reload} close={() => setArchiving(false)} />}
      {experiment.description && tab !== 'details' && <p class="pre soft about">{experiment.description}</p>}
      <section class="pane grow experiment" aria-label="Experiment">
        <Tabs label="Experiment" tabs={TABS} at={tab} choose={(key) => setQuery({ tab: key })} />
        {tab === 'runs' && <RunList place={place} experiment={experiment.experiment_id} />}
        {tab === 'schedules' && <Schedules experimentId={experiment.experiment_id} />}
        {tab === 'details' && <Details experiment={experiment} reload={reload} />}
      </section>
    </div>
  );
}

function Details({ experiment, reload }: { experiment: Experiment; reload: () => void }) {
  const last = lastRunOf(experiment);
  return (
    <div class="panel-body">
      <UserMetadata owner={{ experiment_id: experiment.experiment_id }} note="Description" changed={reload} />
      <h2>Experiment</h2>
      <Values
        of={[
          ['Id', experiment.experiment_id],
          ['Created', exactTime(experiment.created_at)],
          ['Last run', last ? exactTime(last) : 'none yet'],
        ]}
      />
    </div>
  );
}

interface RecurringRun {
  recurring_run_id: string;
  display_name: string;
  status?: string;
  created_at: string;
  trigger?: { cron_schedule?: { cron?: string }; periodic_schedule?: { interval_second?: string } };
}

function triggerText({ trigger }: RecurringRun): string {
  if (trigger?.cron_schedule?.cron) return trigger.cron_schedule.cron;
  const every = trigger?.periodic_schedule?.interval_second;
  return every ? `every ${durationText(Number(every))}` : 'once';
}

function Schedules({ experimentId }: { experimentId: string }) {
  const list = usePaged(`schedules ${experimentId}`, async (token, signal) => {
    const answer = await call<{ recurringRuns?: RecurringRun[]; next_page_token?: string }>(
      '/apis/v2beta1/recurringruns',
      {
        signal,
        query: { experiment_id: experimentId, page_size: PAGE, page_token: token, sort_by: 'created_at desc' },
      },
    );
    return { rows: answer.recurringRuns ?? [], next: answer.next_page_token ?? '' };
  });
  if (list.error) return <Refused error={list.error} retry={list.refresh} />;
  if (list.loading) return <Loading />;
  if (list.rows.length === 0) {
    return (
      <Empty title="No schedule in this experiment">
        <a href="#/recurringruns">All schedules</a>
      </Empty>
    );
  }
  return (
    <Table
      label="Schedules"
      rows={list.rows}
      keyOf={(one) => one.recurring_run_id}
      onEnd={list.more}
      hrefOf={(one) => hrefOf(['recurringrun', 'details', one.recurring_run_id])}
      columns={[
        {
          key: 'name',
          title: 'Schedule',
          width: 'minmax(160px, 1fr)',
          cell: (one) => <a href={hrefOf(['recurringrun', 'details', one.recurring_run_id])}>{one.display_name}</a>,
        },
        {
          key: 'status',
          title: 'State',
          width: '100px',
          cell: (one) => (one.status === 'ENABLED' ? 'enabled' : 'disabled'),
        },
        {
          key: 'trigger',
          title: 'When',
          width: 'minmax(140px, 1fr)',
          cell: (one) => <span class="mono">{triggerText(one)}</span>,
        },
        { key: 'created', title: 'Created', width: '110px', cell: (one) => <Ago at={one.created_at} /> },
      ]}
    />
  );
}
