// One run: what failed first, then its tasks as a table, a graph or a timeline, and beside them the task that is open.

import { useEffect, useMemo, useRef } from 'preact/hooks';
import { call } from '../api/http';
import { getRun } from '../api/run_spec';
import type { Run, RunStatus } from '../api/types';
import { useLoaded, type Loaded } from '../load';
import { later } from '../parts/later';
import { Loading, Show } from '../parts/notice';
import { useCommands, useKeys } from '../parts/palette';
import { hasEnded, StateLabel } from '../parts/state';
import { Tabs } from '../parts/tabs';
import { Ago, Duration } from '../parts/time';
import { tellError } from '../parts/toast';
import { UserMetadata } from '../parts/user_metadata';
import { Values } from '../parts/value';
import { hrefOf, setQuery, type Place } from '../router';
import { Graph } from '../run/graph';
import { useRunStatus, type LiveStatus } from '../run/live';
import { TaskPanel } from '../run/task_panel';
import { TaskTable } from '../run/task_table';
import { Timeline } from '../run/timeline';
import { firstFailure, inOrder, titleOf, treeOf, withoutLog, type TaskTree } from '../run/tree';
import { plural } from '../words';

const RunMetrics = later(() => import('../run/run_metrics').then((part) => part.RunMetrics));
const VIEWS: [string, string][] = [
  ['table', 'Tasks'],
  ['graph', 'Graph'],
  ['timeline', 'Timeline'],
  ['metrics', 'Metrics'],
  ['details', 'Details'],
];

const MANY_TASKS = 1000; // from which on the page does not wait for the run itself, with its pipeline

// The run comes after the first of its status: with thousands of tasks it is large, and takes a while.
function useRun(runId: string): { run: Loaded<Run | undefined>; status: Loaded<LiveStatus> } {
  const status = useRunStatus(runId);
  const isThere = status.data !== undefined;
  const run = useLoaded(`run ${runId} ${isThere}`, async (signal) => (isThere ? getRun(runId, signal) : undefined));
  // The run itself changes with its state.
  const state = status.data?.state;
  const before = useRef(state);
  useEffect(() => {
    if (before.current !== undefined && state !== undefined && before.current !== state) run.reload();
    before.current = state;
  }, [state]);
  return { run, status };
}

export default function RunPage({ place }: { place: Place }) {
  const runId = place.path.at(-1)!;
  const { run, status } = useRun(runId);
  useEffect(() => {
    document.title = `${run.data?.display_name ?? 'Run'} - Penstock`;
  }, [run.data?.display_name]);
  return (
    <>
      {!(run.data && status.data) && <h1 class="visually-hidden">Run {runId}</h1>}
      <Show of={status}>
        {(told) =>
          run.data || tasksOf(told) > MANY_TASKS ? (
            <Whole
              run={run.data ?? outlineOf(told)}
              status={told}
              place={place}
              reload={() => {
                run.reload();
                status.reload();
              }}
            />
          ) : (
            <Show of={run}>{() => <Loading />}</Show>
          )
        }
      </Show>
    </>
  );
}

const tasksOf = (status: LiveStatus) => (status.tasks?.length ?? 0) + status.toCome;

// What the status knows of the run.
function outlineOf(status: LiveStatus): Run {
  const { run_id, display_name, experiment_id, created_at, finished_at, state } = status;
  return { run_id, display_name, experiment_id, created_at, finished_at, state, storage_state: 'AVAILABLE' };
}

function Whole({ run, status, place, reload }: { run: Run; status: LiveStatus; place: Place; reload: () => void }) {
  const isLarge = tasksOf(status) > MANY_TASKS;
  // Of many tasks the order of their creation will do: another one would come late, and move them.
  const tree = useMemo(
    () => (isLarge ? treeOf(status.tasks ?? []) : inOrder(treeOf(status.tasks ?? []), run)),
    [status.tasks, run.pipeline_spec, isLarge],
  );
  const openTask = place.query.get('task') ?? '';
  // A task may be named by its name, too.
  const task = tree.byId.get(openTask) ?? [...tree.byId.values()].find((one) => one.name === openTask);
  const view = place.query.get('view') ?? 'table';
  const act = useActions(run, reload);
  useKeys({ Escape: () => openTask && setQuery({ task: undefined }) });
  useCommands([
    ...VIEWS.map(([key, title]) => ({
      title: `Show ${title.toLowerCase()} of this run`,
      run: () => setQuery({ view: key }),
    })),
    ...act.map(({ title, run: perform }) => ({ title: `${title} this run`, run: perform })),
  ]);
  return (
    <div class="page">
      <Head run={run} status={status} actions={act} />
      <Failure run={run} status={status} tree={tree} />
      {(status.notes ?? []).map((note) => (
        <p key={note} class="why-box">
          {note}
        </p>
      ))}
      <div class={`panes ${task ? '' : 'single'}`}>
        <section class="pane" aria-label="Tasks">
          <Tabs label="Run" tabs={VIEWS} at={view} choose={(key) => setQuery({ view: key })} />
          {view === 'table' && (
            <TaskTable
              tree={tree}
              openTask={task?.task_id ?? ''}
              text={place.query.get('text') ?? ''}
              state={place.query.get('state') ?? ''}
            />
          )}
          {view === 'graph' && (
            <Graph run={run} tree={tree} layer={place.query.get('layer') ?? ''} openTask={task?.task_id ?? ''} />
          )}
          {view === 'timeline' && (
            <Timeline tree={tree} openTask={task?.task_id ?? ''} ended={hasEnded(status.state)} />
          )}
          {view === 'metrics' && (
            <RunMetrics runId={run.run_id} tree={tree} ended={hasEnded(status.state)} place={place} />
          )}
          {view === 'details' && <Details run={run} />}
          {status.toCome > 0 && (
            <p class="soft" role="status">
              {plural(status.toCome, 'more task')} to come …
            </p>
          )}
          {Number(status.tasks_left_out ?? 0) > 0 && (
            <p class="why-box">{status.tasks_left_out} more tasks are not shown.</p>
          )}
        </section>
        {task && <TaskPanel run={run} tree={tree} task={task} place={place} />}
      </div>
    </div>
  );
}

interface ActionOfRun {
  title: string;
  run: () => void;
  href?: string;
}

function useActions(run: Run, reload: () => void): ActionOfRun[] {
  const verb = (name: string) => () => {
    call(`/apis/v2beta1/runs/${run.run_id}:${name}`, { method: 'POST' }).then(reload, tellError);
  };
  const actions: ActionOfRun[] = [
    {
      title: 'Clone',
      href: hrefOf(['runs', 'new'], { cloneFromRun: run.run_id }),
      run: () => (location.hash = hrefOf(['runs', 'new'], { cloneFromRun: run.run_id })),
    },
  ];
  if (!hasEnded(run.state)) actions.push({ title: 'Terminate', run: verb('terminate') });
  if (run.state === 'FAILED' || run.state === 'CANCELED') actions.push({ title: 'Retry', run: verb('retry') });
  const archived = run.storage_state === 'ARCHIVED';
  actions.push({ title: archived ? 'Restore' : 'Archive', run: verb(archived ? 'unarchive' : 'archive') });
  return actions;
}

function Head({ run, status, actions }: { run: Run; status: RunStatus; actions: ActionOfRun[] }) {
  const version = run.pipeline_version_reference;
  return (
    <div class="page-head">
      <h1>{run.display_name}</h1>
      <StateLabel state={status.state} />
      <span class="soft">
        <Ago at={run.created_at} />, {hasEnded(status.state) ? 'took' : 'runs for'}{' '}
        <Duration from={run.created_at} to={hasEnded(status.state) ? run.finished_at : undefined} />
      </span>
      <a href={hrefOf(['experiments', 'details', run.experiment_id])}>Experiment</a>
      {version && (
        <a href={hrefOf(['pipelines', 'details', version.pipeline_id, 'version', version.pipeline_version_id])}>
          Pipeline
        </a>
      )}
      {run.recurring_run_id && <a href={hrefOf(['recurringrun', 'details', run.recurring_run_id])}>Schedule</a>}
      <span class="grow" />
      {actions.map(({ title, run: perform, href }) =>
        href ? (
          <a key={title} class="button" href={href}>
            {title}
          </a>
        ) : (
          <button key={title} onClick={perform}>
            {title}
          </button>
        ),
      )}
    </div>
  );
}

function Failure({ run, status, tree }: { run: Run; status: RunStatus; tree: TaskTree }) {
  if (status.wait?.message) return <p class="why-box">{status.wait.message}</p>;
  if (status.state !== 'FAILED') return null;
  const task = firstFailure(tree);
  const message = status.error?.message ?? run.error?.message ?? '';
  const tail = task?.attempts?.at(-1)?.log_tail?.split('\n').slice(-8).join('\n');
  return (
    <div class="failure" role="alert">
      <p class="pre">
        {task && (
          <a href={hrefOf(['runs', 'details', run.run_id], { task: task.task_id, tab: 'log', line: 'error' })}>
            {titleOf(task)} failed
          </a>
        )}
        {task && ': '}
        {tail ? withoutLog(message) : message}
      </p>
      {tail && <pre class="mono">{tail}</pre>}
    </div>
  );
}

function Details({ run }: { run: Run }) {
  return (
    <div class="panel-body">
      <UserMetadata owner={{ run_id: run.run_id }} note="Description" />
      <h2>Parameters</h2>
      <Values
        of={Object.entries(run.runtime_config?.parameters ?? {})}
        empty="None was given; the pipeline's defaults hold."
      />
      <h2>Run</h2>
      <Values
        of={(
          [
            ['Id', run.run_id],
            ['Pipeline root', run.runtime_config?.pipeline_root],
            ['Service account', run.service_account],
            ['Pipeline version', run.pipeline_version_reference?.pipeline_version_id],
          ] as [string, string | undefined][]
        ).filter(([, value]) => value)}
      />
      <h2>States</h2>
      <ol>
        {(run.state_history ?? []).map(({ state, update_time }) => (
          <li key={update_time + state}>
            <StateLabel state={state} /> <Ago at={update_time} />
          </li>
        ))}
      </ol>
      <h2>Pipeline</h2>
      <details>
        <summary>As it was compiled</summary>
        <pre class="mono">{JSON.stringify(run.pipeline_spec, null, 2)}</pre>
      </details>
    </div>
  );
}
