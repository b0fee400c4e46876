// The schedules: when each is due next, and what became of the last time.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { getPipeline, holds } from '../api/pipelines';
import {
  deleteSchedule,
  getSchedule,
  listSchedules,
  listTicks,
  setEnabled,
  type RecurringRun,
  type Trigger,
} from '../api/schedules';
import { useLoaded } from '../load';
import { usePaged } from '../paged';
import { Confirm } from '../parts/confirm';
import { Empty, Loading, Refused } from '../parts/notice';
import { useCommands, useKeys } from '../parts/palette';
import { Table, sortingOf, type Column } from '../parts/table';
import { TextFilter } from '../parts/text_filter';
import { Ago } from '../parts/time';
import { tell, tellError } from '../parts/toast';
import { go, hrefOf, setQuery, type Place } from '../router';
import { specOf } from '../run/tree';
import { DecisionLabel, EnabledSwitch } from '../schedule/parts';
import { reasonText, triggerParts } from '../schedule/words';
import { plural } from '../words';

const NEWEST_FIRST = 'created_at desc';
const REFRESH_MS = 20_000;

function NextDue({ schedule }: { schedule: RecurringRun }) {
  const { recurring_run_id: id, status, updated_at } = schedule;
  const loaded = useLoaded(`schedule ${id} ${updated_at} ${status}`, (signal) => getSchedule(id, signal), REFRESH_MS);
  if (status !== 'ENABLED' || !loaded.data) return null;
  const next = loaded.data.next_due_at;
  return next ? <Ago at={next} /> : <span class="soft">no more</span>;
}

function LastTick({ schedule }: { schedule: RecurringRun }) {
  const id = schedule.recurring_run_id;
  const loaded = useLoaded(`tick ${id}`, (signal) => listTicks(id, '', signal, 1), REFRESH_MS);
  const tick = loaded.data?.rows[0];
  if (!tick) return <span class="soft small">{loaded.data && 'Not due yet'}</span>;
  const label = <DecisionLabel tick={tick} />;
  return (
    <span class="two" title={reasonText(tick)}>
      <span>{tick.run_id ? <a href={hrefOf(['runs', 'details', tick.run_id])}>{label}</a> : label}</span>
      <span class="soft small">
        <Ago at={tick.due_at} />
        {tick.decision !== 'FIRED' && `: ${reasonText(tick)}`}
      </span>
    </span>
  );
}

function PipelineOf({ schedule }: { schedule: RecurringRun }) {
  const reference = schedule.pipeline_version_reference;
  const id = reference?.pipeline_id ?? '';
  const loaded = useLoaded(`pipeline ${id}`, async (signal) => (id ? getPipeline(id, signal) : undefined));
  if (!reference) return <span class="soft">{specOf(schedule).pipelineInfo?.name ?? ''}</span>;
  if (loaded.error) return <span class="bad">is gone</span>;
  const version = reference.pipeline_version_id;
  return (
    <span class="two">
      <a href={hrefOf(['pipelines', 'details', id, ...(version ? ['version', version] : [])])}>
        {loaded.data?.display_name ?? ''}
      </a>
      <span class="soft small">{version ? 'one version' : 'the newest version'}</span>
    </span>
  );
}

function Due({ trigger }: { trigger: Trigger | undefined }) {
  const { due, zone } = triggerParts(trigger);
  return (
    <span class="two" title={due}>
      <span>{due}</span>
      <span class="soft small">{zone}</span>
    </span>
  );
}

function columnsOf(reload: () => void): Column<RecurringRun>[] {
  return [
    { key: 'state', title: 'State', width: '110px', cell: (one) => <EnabledSwitch schedule={one} done={reload} /> },
    {
      key: 'name',
      title: 'Schedule',
      width: 'minmax(200px, 1.3fr)',
      sort: 'display_name',
      cell: (one) => (
        <span class="two">
          <a href={hrefOf(['recurringrun', 'details', one.recurring_run_id])} title={one.display_name}>
            {one.display_name}
          </a>
          <span class={one.error?.message ? 'bad small' : 'soft small'} title={one.error?.message ?? one.description}>
            {one.error?.message ?? one.description?.split('\n')[0]}
          </span>
        </span>
      ),
    },
    { key: 'pipeline', title: 'Pipeline', width: 'minmax(120px, 0.8fr)', cell: (one) => <PipelineOf schedule={one} /> },
    { key: 'trigger', title: 'Due', width: 'minmax(160px, 1fr)', cell: (one) => <Due trigger={one.trigger} /> },
    { key: 'next', title: 'Next', width: '90px', cell: (one) => <NextDue schedule={one} /> },
    { key: 'last', title: 'Last', width: 'minmax(140px, 0.9fr)', cell: (one) => <LastTick schedule={one} /> },
  ];
}

interface SelectedProps {
  rows: RecurringRun[];
  clear: () => void;
  done: () => void;
}

function Selected({ rows, clear, done }: SelectedProps) {
  if (rows.length === 0) return <span class="soft small">Select schedules to enable, disable or delete them.</span>;
  const each = async (act: (id: string) => Promise<unknown>, word: string) => {
    try {
      for (const { recurring_run_id } of rows) await act(recurring_run_id);
      tell(`${plural(rows.length, 'schedule')} ${word}.`);
      clear();
    } finally {
      done();
    }
  };
  return (
    <div class="row">
      <span>{plural(rows.length, 'schedule')} selected</span>
      <button onClick={() => each((id) => setEnabled(id, true), 'enabled').catch(tellError)}>Enable</button>
      <button onClick={() => each((id) => setEnabled(id, false), 'disabled').catch(tellError)}>Disable</button>
      <Confirm
        title="Delete"
        question={`Delete ${plural(rows.length, 'schedule')}? Runs stay.`}
        act={() => each(deleteSchedule, 'deleted')}
      />
      <button class="quiet" onClick={clear}>
        Clear
      </button>
    </div>
  );
}

export default function Schedules({ place }: { place: Place }) {
  const text = place.query.get('text') ?? '';
  const order = place.query.get('order') || NEWEST_FIRST;
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const list = usePaged(
    JSON.stringify([text, order]),
    (token, signal) => listSchedules(holds('display_name', text.trim()), order, token, signal),
    REFRESH_MS,
  );
  useEffect(() => {
    document.title = 'Schedules - Penstock';
  }, []);
  const columns = useMemo(() => columnsOf(list.refresh), [list.refresh]);
  const clear = () => setSelected(new Set());
  const create = hrefOf(['runs', 'new'], { recurring: '1' });
  useCommands([{ title: 'New schedule', run: () => go(create) }]);
  useKeys({ Escape: clear });
  return (
    <div class="page">
      <div class="page-head">
        <h1 class="grow">Schedules</h1>
        <a class="button" href={create}>
          New schedule
        </a>
      </div>
      <div class="filters" role="search">
        <TextFilter of="Name" text={text} size={24} />
        <Selected
          rows={list.rows.filter((one) => selected.has(one.recurring_run_id))}
          clear={clear}
          done={list.refresh}
        />
        <span class="grow" />
        <span class="soft small">
          {list.rows.length > 0 && `${plural(list.rows.length, 'schedule')}${list.next ? ' and more' : ''}`}
        </span>
      </div>
      {list.error && <Refused error={list.error} retry={list.refresh} />}
      {list.loading && <Loading />}
      {!list.loading && !list.error && list.rows.length === 0 ? (
        <Empty title={text ? 'No schedule matches' : 'No schedule yet'}>
          <p>
            {text ? <a href="#/recurringruns">All schedules</a> : <a href={create}>Start a pipeline again and again</a>}
          </p>
        </Empty>
      ) : (
        <Table
          label="Schedules"
          columns={columns}
          rows={list.rows}
          keyOf={(one) => one.recurring_run_id}
          rowHeight={46}
          hrefOf={(one) => hrefOf(['recurringrun', 'details', one.recurring_run_id])}
          selected={selected}
          onSelect={setSelected}
          onEnd={list.more}
          sorting={sortingOf(order)}
          onSort={(sorting) => setQuery({ order: `${sorting.by} ${sorting.descending ? 'desc' : 'asc'}` })}
        />
      )}
    </div>
  );
}
