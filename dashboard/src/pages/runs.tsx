// The list of runs, which is where a day begins: failures first, filters and columns in the address.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { call } from '../api/http';
import { matchingRuns, searchRuns, type RunsWanted } from '../api/search';
import type { FoundRun, State } from '../api/types';
import { keep, kept } from '../kept';
import { useLoaded, useStream } from '../load';
import { usePaged } from '../paged';
import { Command, Empty, Loading, Refused } from '../parts/notice';
import { useCommands } from '../parts/palette';
import { RunActions } from '../parts/run_actions';
import { StateIcon, stateWord } from '../parts/state';
import { Table, type Column, type Sorting } from '../parts/table';
import { TextFilter } from '../parts/text_filter';
import { Ago, Duration } from '../parts/time';
import { hrefOf, setQuery, type Place } from '../router';
import { numberText, plural } from '../words';

const PAGE = 50;
const STATES: State[] = ['RUNNING', 'FAILED', 'SUCCEEDED', 'PENDING', 'CANCELED'];
const METRICS_AT_FIRST = 3;
const COLUMNS = 'runs.columns';
const SLOWLY_MS = 15_000; // between reads where the server has no place for another watch

function wantedOf(place: Place): RunsWanted {
  const get = (name: string) => place.query.get(name) ?? '';
  return {
    text: get('text'),
    state: get('state') as State | '',
    query: get('query'),
    experiment: get('experiment'),
    order: get('order'),
    archived: get('archived') === 'true' || place.path[0] === 'archive',
  };
}

function sortingOf(order: string): Sorting | undefined {
  const [, by, direction] = /^(.*?)(?:\s+(ASC|DESC))?$/i.exec(order) ?? [];
  return by ? { by, descending: direction?.toUpperCase() === 'DESC' } : undefined;
}

// A key of the language; strange ones stand in backticks.
function keyed(kind: string, key: string): string {
  return /^[\w./:-]+$/.test(key) ? `${kind}.${key}` : `${kind}.\`${key}\``;
}

function RunName({ run }: { run: FoundRun }) {
  const { failure } = run;
  const about = [run.pipeline_display_name, run.pipeline_version_display_name].filter(Boolean).join(' / ');
  return (
    <span class="two">
      <span>
        <a href={hrefOf(['runs', 'details', run.run_id])}>{run.display_name}</a>
        {run.archived && <span class="soft"> archived</span>}
      </span>
      {failure ? (
        <span class="bad small" title={[failure.message, failure.log_tail].filter(Boolean).join('\n\n')}>
          <a
            class="bad"
            href={hrefOf(['runs', 'details', run.run_id], { task: failure.task_id, tab: 'log', line: 'error' })}
          >
            {failure.task_display_name || 'log'}
          </a>
          {': '}
          {(failure.message ?? '').split('\n')[0]}
        </span>
      ) : (
        <span class="soft small">{about}</span>
      )}
    </span>
  );
}

// Those of the address, else those that were chosen last, here or on another day; none yet: the first metrics.
function columnsChosen(place: Place): string[] {
  const asked = place.query.getAll('column');
  return asked.length > 0 ? asked : (kept(COLUMNS) ?? []);
}

function chooseColumns(names: string[]): void {
  const column = names.length > 0 ? names : ['none'];
  keep(COLUMNS, column);
  setQuery({ column });
}

function columnsOf(place: Place, runs: FoundRun[]): Column<FoundRun>[] {
  const chosen = columnsChosen(place);
  const known = [...new Set(runs.flatMap((run) => Object.keys(run.metrics ?? {})))].sort();
  const extra =
    chosen.length > 0
      ? chosen.filter((one) => one !== 'none')
      : known.slice(0, METRICS_AT_FIRST).map((name) => `metrics.${name}`);
  const without = (name: string) => chooseColumns(extra.filter((one) => one !== name));
  const differs = place.query.get('differ') === 'true';
  const more: Column<FoundRun>[] = [];
  for (const name of extra) {
    const [kind, key] = [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1)];
    const value = (run: FoundRun) =>
      kind === 'metrics' ? numberText(run.metrics?.[key]) : (run.parameters?.[key] ?? '');
    if (differs && new Set(runs.map(value)).size < 2) continue;
    more.push({
      key: name,
      title: key,
      help: kind === 'metrics' ? `Metric ${key}` : `Parameter ${key}`,
      width: 'minmax(90px, 140px)',
      numeric: kind === 'metrics',
      cell: (run) => <span title={value(run)}>{value(run)}</span>,
      sort: keyed(kind, key),
      remove: () => without(name),
    });
  }
  return [
    { key: 'state', title: '', width: '20px', cell: (run) => <StateIcon state={run.status} /> },
    { key: 'name', title: 'Run', width: 'minmax(240px, 1fr)', cell: (run) => <RunName run={run} />, sort: 'run_name' },
    {
      key: 'experiment',
      title: 'Experiment',
      width: 'minmax(100px, 160px)',
      cell: (run) => (
        <a href={hrefOf(['experiments', 'details', run.experiment_id])}>{run.experiment_display_name ?? ''}</a>
      ),
    },
    {
      key: 'started',
      title: 'Started',
      width: '100px',
      cell: (run) => <Ago at={run.created_at} />,
      sort: 'start_time',
    },
    {
      key: 'took',
      title: 'Took',
      width: '100px',
      numeric: true,
      cell: (run) => <Duration from={run.created_at} to={run.finished_at} />,
    },
    ...more,
  ];
}

function ColumnChoice({ place, runs }: { place: Place; runs: FoundRun[] }) {
  const shown = columnsOf(place, runs)
    .map((column) => column.key)
    .filter((key) => key.includes('.'));
  const offered = [
    ...new Set(
      runs.flatMap((run) => [
        ...Object.keys(run.metrics ?? {}).map((name) => `metrics.${name}`),
        ...Object.keys(run.parameters ?? {}).map((name) => `params.${name}`),
      ]),
    ),
  ].sort();
  return (
    <details class="menu">
      <summary>Columns</summary>
      <div class="menu-body">
        <label>
          <input
            type="checkbox"
            checked={place.query.get('differ') === 'true'}
            onChange={(event) => setQuery({ differ: event.currentTarget.checked ? 'true' : undefined })}
          />{' '}
          only those that differ
        </label>
        {offered.map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={shown.includes(name)}
              onChange={(event) => {
                chooseColumns(event.currentTarget.checked ? [...shown, name] : shown.filter((one) => one !== name));
              }}
            />{' '}
            {name}
          </label>
        ))}
        {offered.length === 0 && <p class="soft">These runs have no metrics and parameters.</p>}
      </div>
    </details>
  );
}

function Filters({
  place,
  wanted,
  experiments,
}: {
  place: Place;
  wanted: RunsWanted;
  experiments: { id: string; name: string }[];
}) {
  return (
    <div class="filters" role="search">
      <TextFilter of="Name" text={wanted.text} />
      {STATES.map((state) => (
        <button
          key={state}
          class="chip"
          aria-pressed={wanted.state === state}
          onClick={() => setQuery({ state: wanted.state === state ? undefined : state })}
        >
          <StateIcon state={state} title={false} /> {stateWord(state)}
        </button>
      ))}
      {place.path[0] !== 'experiments' && (
        <select
          aria-label="Experiment"
          value={wanted.experiment}
          onChange={(event) => setQuery({ experiment: event.currentTarget.value || undefined })}
        >
          <option value="">All experiments</option>
          {experiments.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      )}
      <QueryField value={wanted.query} />
      {place.path[0] !== 'archive' && (
        <label>
          <input
            type="checkbox"
            checked={wanted.archived}
            onChange={(event) => setQuery({ archived: event.currentTarget.checked ? 'true' : undefined })}
          />{' '}
          archived too
        </label>
      )}
    </div>
  );
}

// A query is sent once it is whole: with Enter, or when the field is left.
function QueryField({ value }: { value: string }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const take = () => text !== value && setQuery({ query: text });
  return (
    <input
      class="grow mono"
      aria-label="Filter by metric, parameter, tag or time"
      value={text}
      spellcheck={false}
      placeholder="metrics.accuracy > 0.9 and params.seed = '7'"
      style={{ maxWidth: '460px' }}
      onInput={(event) => setText(event.currentTarget.value)}
      onBlur={take}
      onKeyDown={(event) => event.key === 'Enter' && take()}
    />
  );
}

function NoRuns({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No run matches">
        <p>
          <a href="#/runs">All runs</a>
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="No run yet">
      <p>Send one from Python:</p>
      <Command text={`kfp.Client(host='${location.origin}').create_run_from_pipeline_func(my_pipeline)`} />
      <p>
        or <a href="#/pipelines">choose a pipeline</a> and start it here.
      </p>
    </Empty>
  );
}

interface ExperimentName {
  experiment_id: string;
  display_name: string;
}

export function useExperiments(): { id: string; name: string }[] {
  const loaded = useLoaded('experiments', (signal) =>
    call<{ experiments?: ExperimentName[] }>('/apis/v2beta1/experiments', {
      signal,
      query: { page_size: 200, sort_by: 'last_run_created_at desc' },
    }),
  );
  return useMemo(
    () => (loaded.data?.experiments ?? []).map((one) => ({ id: one.experiment_id, name: one.display_name })),
    [loaded.data],
  );
}

// `experiment` fixes the experiment, as on its own page.
export function RunList({ place, experiment = '' }: { place: Place; experiment?: string }) {
  const wanted = wantedOf(place);
  if (experiment) wanted.experiment = experiment;
  const list = usePaged(
    JSON.stringify(wanted),
    async (token, signal) => {
      const page = await searchRuns(wanted, PAGE, token, signal);
      return { rows: page.runs, next: page.next };
    },
    SLOWLY_MS,
  );
  const experiments = useExperiments();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  // What changes on the server says that the page is to be read again; how often is the server's business.
  useStream(
    '/apis/penstock/v1/runs:watch',
    { page_size: 20, sort_by: 'created_at desc', experiment_id: wanted.experiment },
    { take: list.refresh },
  );
  useCommands([
    { title: 'Compare the selected runs', run: () => compare(selected) },
    ...STATES.map((state) => ({ title: `Show runs: ${stateWord(state)}`, state, run: () => setQuery({ state }) })),
  ]);
  const names = new Map(experiments.map(({ id, name }) => [id, name]));
  const runs = list.rows.map((run) => ({
    ...run,
    experiment_display_name: run.experiment_display_name ?? names.get(run.experiment_id),
  }));
  const filtered = !!(wanted.text || wanted.state || wanted.query || (wanted.experiment && !experiment));
  return (
    <>
      <Filters place={place} wanted={wanted} experiments={experiments} />
      <div class="filters">
        <RunActions
          selected={selected}
          select={setSelected}
          done={list.refresh}
          matching={() => matchingRuns(wanted)}
        />
        <span class="grow" />
        <span class="soft small">
          {runs.length > 0 && `${plural(runs.length, 'run')}${list.next ? ' and more' : ''}`}
        </span>
        <ColumnChoice place={place} runs={runs} />
      </div>
      {list.error && <Refused error={list.error} retry={list.refresh} />}
      {list.loading && <Loading />}
      {!list.loading && !list.error && runs.length === 0 ? (
        <NoRuns filtered={filtered} />
      ) : (
        <Table
          label="Runs"
          columns={columnsOf(place, runs)}
          rows={runs}
          keyOf={(run) => run.run_id}
          rowHeight={46}
          hrefOf={(run) => hrefOf(['runs', 'details', run.run_id])}
          selected={selected}
          onSelect={setSelected}
          sorting={sortingOf(wanted.order)}
          onEnd={list.more}
          onSort={({ by, descending }) => setQuery({ order: `${by} ${descending ? 'DESC' : 'ASC'}` })}
        />
      )}
    </>
  );
}

function compare(selected: ReadonlySet<string>): void {
  if (selected.size >= 2) location.hash = hrefOf(['compare'], { runlist: [...selected].join(',') });
}

export default function Runs({ place }: { place: Place }) {
  useEffect(() => {
    document.title = 'Runs - Penstock';
  }, []);
  return (
    <div class="page">
      <div class="page-head">
        <h1>{place.path[0] === 'archive' ? 'Archived runs' : 'Runs'}</h1>
      </div>
      <RunList place={place} />
    </div>
  );
}
