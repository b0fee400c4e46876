// One task of a run: why it is as it is, its log, inputs and outputs, attempts, and what it ran on.

import { call } from '../api/http';
import type { Run, Task, TaskIO, TaskStatus } from '../api/types';
import { useLoaded } from '../load';
import { Artifact, contentUrl } from '../parts/artifact';
import { Log } from '../parts/log';
import { Show } from '../parts/notice';
import { hasEnded, StateLabel } from '../parts/state';
import { Tabs } from '../parts/tabs';
import { Ago, Duration } from '../parts/time';
import { Values } from '../parts/value';
import { hrefOf, setQuery, type Place } from '../router';
import { bytesText, exactTime } from '../words';
import { AttemptRecord } from './attempt_record';
import { titleOf, whyItRan, whyOf, withoutLog, type TaskTree } from './tree';

interface Props {
  run: Run;
  tree: TaskTree;
  task: TaskStatus;
  place: Place;
}

export function TaskPanel(props: Props) {
  const { run, task, tree, place } = props;
  const attempts = task.attempts ?? [];
  const isGroup = tree.children.has(task.task_id);
  const tabs = [
    ...(attempts.length > 0 ? [['log', 'Log']] : []),
    ['io', 'Inputs and outputs'],
    ...(attempts.length > 0
      ? [
          ['attempts', `Attempts ${attempts.length > 1 ? attempts.length : ''}`],
          ['environment', 'Environment'],
        ]
      : []),
  ] as [string, string][];
  const wanted = place.query.get('tab') ?? '';
  const tab = tabs.some(([key]) => key === wanted) ? wanted : tabs[0]![0];
  const number = Number(place.query.get('attempt')) || attempts.at(-1)?.number || 1;
  return (
    <section class="pane" aria-label={`Task ${titleOf(task)}`}>
      <div class="page-head">
        <h2 class="grow">{titleOf(task)}</h2>
        <StateLabel state={task.state} />
        {isGroup && <button onClick={() => setQuery({ layer: task.task_id, view: undefined })}>Open its graph</button>}
        <button
          class="quiet"
          aria-label="Close the task"
          onClick={() => setQuery({ task: undefined, tab: undefined, attempt: undefined, line: undefined })}
        >
          ×
        </button>
      </div>
      <Why task={task} />
      <Tabs label="Task" tabs={tabs} at={tab} choose={(key) => setQuery({ tab: key })} />
      {tab === 'log' && <TaskLog {...props} number={number} />}
      {tab === 'io' && <InputsOutputs run={run} task={task} />}
      {tab === 'attempts' && <Attempts task={task} number={number} />}
      {tab === 'environment' && <AttemptRecord runId={run.run_id} taskId={task.task_id} number={number} />}
    </section>
  );
}

function Why({ task }: { task: TaskStatus }) {
  const why = whyOf(task);
  if (!why && !task.error?.message) return null;
  const { wait } = task;
  return (
    <div class={task.state === 'FAILED' ? 'failure' : 'why-box'}>
      <p class="pre">{task.state === 'FAILED' && task.error?.message ? withoutLog(task.error.message) : why}</p>
      {wait?.until && <p>Until {exactTime(wait.until)}</p>}
      {(wait?.holders ?? []).map((holder) => (
        <p key={holder.run_id + holder.task}>
          <a href={`#/runs/details/${holder.run_id}`}>{holder.run_display_name}</a>: {holder.task}{' '}
          <Ago at={holder.since} />
        </p>
      ))}
      {wait?.setting && <p class="mono">{wait.setting}</p>}
      {task.state === 'CACHED' && task.cache?.run_id && (
        <p>
          Its outputs are those of{' '}
          <a href={hrefOf(['runs', 'details', task.cache.run_id], { task: task.cache.task_id, tab: 'log' })}>
            another run
          </a>
          .
        </p>
      )}
    </div>
  );
}

function TaskLog({ run, task, place, number }: Props & { number: number }) {
  const attempts = task.attempts ?? [];
  const attempt = attempts.find((one) => one.number === number);
  const of = `${encodeURIComponent(run.run_id)}`;
  return (
    <>
      {attempts.length > 1 && (
        <div class="filters">
          {attempts.map((one) => (
            <button
              key={one.number}
              class="chip"
              aria-pressed={one.number === number}
              onClick={() => setQuery({ attempt: String(one.number) })}
            >
              Attempt {one.number}
            </button>
          ))}
        </div>
      )}
      <Log
        key={`${task.task_id} ${number}`}
        url={`/apis/v2beta1/runs/${of}/nodes/${task.task_id}/log`}
        searchUrl={`/apis/penstock/v1/runs/${of}/tasks/${task.task_id}/log:search`}
        attempt={number}
        ended={!!attempt?.outcome || hasEnded(task.state)}
        name={`${task.name}-${number}`}
        toError={place.query.get('line') === 'error'}
      />
    </>
  );
}

function Attempts({ task, number }: { task: TaskStatus; number: number }) {
  return (
    <div class="panel-body">
      {whyItRan(task) && <p>{whyItRan(task)}</p>}
      {(task.attempts ?? []).map((attempt) => (
        <section key={attempt.number} aria-current={attempt.number === number}>
          <h2>
            Attempt {attempt.number}: {attempt.outcome ? attempt.outcome.toLowerCase() : 'running'}
          </h2>
          {attempt.message && <p class="pre bad">{attempt.message}</p>}
          <Values
            of={[
              ['Started', attempt.started_at && exactTime(attempt.started_at)],
              ['Exit code', attempt.exit_code],
              ['Signal', attempt.signal],
              ['CPU time', attempt.cpu_time],
              ['Memory at most', attempt.max_rss_bytes && bytesText(attempt.max_rss_bytes)],
              ['Id', attempt.attempt_id],
            ].filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '')}
          />
          <p>
            Took <Duration from={attempt.started_at} to={attempt.finished_at} />
          </p>
          <button onClick={() => setQuery({ tab: 'log', attempt: String(attempt.number) })}>Log</button>
        </section>
      ))}
    </div>
  );
}

function InputsOutputs({ run, task }: { run: Run; task: TaskStatus }) {
  const path = `/apis/v2beta1/runs/${run.run_id}/tasks/${task.task_id}`;
  const loaded = useLoaded(`${path} ${task.state}`, (signal) => call<Task>(path, { signal }));
  return (
    <div class="panel-body">
      <Show of={loaded}>
        {(data) => (
          <>
            <h2>Outputs</h2>
            <Side io={data.outputs} />
            <h2>Inputs</h2>
            <Side io={data.inputs} />
          </>
        )}
      </Show>
    </div>
  );
}

function Side({ io }: { io: TaskIO | undefined }) {
  const parameters = io?.parameters ?? [];
  const artifacts = io?.artifacts ?? [];
  if (parameters.length + artifacts.length === 0) return <p class="soft">None</p>;
  return (
    <>
      <Values of={parameters.map((one) => [one.parameter_key, one.value])} />
      {artifacts.flatMap((one) =>
        (one.artifacts ?? []).map((artifact) => (
          <Artifact
            key={one.artifact_key + artifact.artifact_id}
            artifact={artifact}
            contentUrl={contentUrl(artifact)}
          />
        )),
      )}
    </>
  );
}
