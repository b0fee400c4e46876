// What became of each time at which a schedule was due, and the runs that it made.

import type { ComponentChildren } from 'preact';
import { listRunsOf, listTicks, type ScheduleTick } from '../api/schedules';
import type { Run } from '../api/types';
import { usePaged, type Paged } from '../paged';
import { Empty, Loading, Refused } from '../parts/notice';
import { StateIcon } from '../parts/state';
import { Table, type Column } from '../parts/table';
import { Ago, Duration } from '../parts/time';
import { hrefOf } from '../router';
import { exactTime, plural } from '../words';
import { DecisionLabel } from './parts';
import { reasonText } from './words';

const REFRESH_MS = 10_000;

function dueText({ due_at, last_due_at, slot_count }: ScheduleTick): string {
  const many = Number(slot_count ?? 1) > 1;
  return many ? `${exactTime(due_at)} to ${exactTime(last_due_at ?? due_at)}` : exactTime(due_at);
}

const TICK_COLUMNS: Column<ScheduleTick>[] = [
  {
    key: 'due',
    title: 'Due',
    width: 'minmax(190px, 1fr)',
    cell: (tick) => (
      <span title={dueText(tick)}>
        {new Date(tick.due_at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })}
        {Number(tick.slot_count ?? 1) > 1 && (
          <span class="soft small"> and {plural(Number(tick.slot_count) - 1, 'more')}</span>
        )}
      </span>
    ),
  },
  {
    key: 'ago',
    title: '',
    help: 'How long ago',
    width: '90px',
    cell: (tick) => (
      <span class="soft">
        <Ago at={tick.due_at} />
      </span>
    ),
  },
  { key: 'decision', title: 'Became', width: '130px', cell: (tick) => <DecisionLabel tick={tick} /> },
  {
    key: 'why',
    title: 'Why',
    width: 'minmax(180px, 2fr)',
    cell: (tick) => (
      <span class={tick.decision === 'REFUSED' ? 'bad' : 'soft'} title={reasonText(tick)}>
        {reasonText(tick)}
      </span>
    ),
  },
  {
    key: 'run',
    title: 'Run',
    width: '90px',
    cell: (tick) =>
      tick.run_id && (
        <a href={hrefOf(['runs', 'details', tick.run_id])}>{tick.run_index ? `Run ${tick.run_index}` : 'Run'}</a>
      ),
  },
];

export function Ticks({ id, round }: { id: string; round: number }) {
  const list = usePaged(`ticks ${id} ${round}`, (token, signal) => listTicks(id, token, signal), REFRESH_MS);
  return (
    <Listed list={list} title="It was not due yet">
      <Table
        label="Times at which it was due"
        columns={TICK_COLUMNS}
        rows={list.rows}
        rowHeight={32}
        keyOf={(tick) => `${tick.due_at} ${tick.decision}`}
        onOpen={(tick) => tick.run_id && (location.hash = hrefOf(['runs', 'details', tick.run_id]))}
        onEnd={list.more}
      />
    </Listed>
  );
}

// The API gives a run that has not ended the epoch as its end.
const endOf = (run: Run) => (run.finished_at && Date.parse(run.finished_at) > 0 ? run.finished_at : undefined);

const RUN_COLUMNS: Column<Run>[] = [
  { key: 'state', title: '', help: 'State', width: '20px', cell: (run) => <StateIcon state={run.state} /> },
  {
    key: 'name',
    title: 'Run',
    width: 'minmax(200px, 1fr)',
    cell: (run) => <a href={hrefOf(['runs', 'details', run.run_id])}>{run.display_name}</a>,
  },
  { key: 'due', title: 'Due', width: '110px', cell: (run) => <Ago at={run.scheduled_at} /> },
  { key: 'started', title: 'Started', width: '110px', cell: (run) => <Ago at={run.created_at} /> },
  {
    key: 'took',
    title: 'Took',
    width: '100px',
    numeric: true,
    cell: (run) => <Duration from={run.created_at} to={endOf(run)} />,
  },
];

export function RunsOf({ id, round }: { id: string; round: number }) {
  const list = usePaged(`runs of ${id} ${round}`, (token, signal) => listRunsOf(id, token, signal), REFRESH_MS);
  return (
    <Listed list={list} title="It made no run yet">
      <Table
        label="Runs"
        columns={RUN_COLUMNS}
        rows={list.rows}
        rowHeight={32}
        keyOf={(run) => run.run_id}
        hrefOf={(run) => hrefOf(['runs', 'details', run.run_id])}
        onEnd={list.more}
      />
    </Listed>
  );
}

function Listed({ list, title, children }: { list: Paged<unknown>; title: string; children: ComponentChildren }) {
  return (
    <>
      {list.error && <Refused error={list.error} retry={list.refresh} />}
      {list.loading && <Loading />}
      {!list.loading && !list.error && list.rows.length === 0 ? <Empty title={title} /> : children}
    </>
  );
}
