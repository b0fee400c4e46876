// Which runs and tasks run and wait, as far as their states tell.

import { call } from '../api/http';
import { searchRuns } from '../api/search';
import type { FoundRun, RunStatus, State, TaskStatus, Wait } from '../api/types';
import { eachOf } from '../parallel';

const RUNS_LOOKED_AT = 12; // whose tasks are read
const CALLS_AT_ONCE = 4;

export interface Slot {
  key: string;
  runId: string;
  runName: string;
  task: string;
  taskId?: string;
  cpu?: number; // in thousandths
  memory?: number; // bytes
  since?: string;
}

export interface Work {
  running: number; // runs
  pending: number;
  looked: number; // runs whose tasks are told below
  slots: Slot[]; // tasks that run
  waits: { what: 'run' | 'task'; message: string; count: number }[]; // why they do not go on, the most first
  settings: string[]; // which say how much room there is
}

// What is the same for many tasks; the messages name each.
const WAITS: Record<string, string> = {
  WAITING_FOR_UPSTREAM: 'until tasks before them have ended',
  WAITING_FOR_CAPACITY: 'until CPU and memory are free: who has them stands below',
  WAITING_FOR_RETRY: 'until their next attempt is due',
};

type Holder = NonNullable<Wait['holders']>[number] & { memory_bytes?: string };

async function countOf(state: State, signal: AbortSignal): Promise<number> {
  const filter = JSON.stringify({ predicates: [{ key: 'state', operation: 'EQUALS', string_value: state }] });
  const answer = await call<{ total_size?: number }>('/apis/v2beta1/runs', { signal, query: { filter, page_size: 1 } });
  return answer.total_size ?? 0;
}

async function runsIn(state: State, signal: AbortSignal): Promise<FoundRun[]> {
  const page = await searchRuns(
    { text: '', state, query: '', experiment: '', order: '', archived: true },
    RUNS_LOOKED_AT,
    '',
    signal,
  );
  return page.runs;
}

export async function readWork(signal: AbortSignal): Promise<Work> {
  const [running, pending] = await Promise.all([countOf('RUNNING', signal), countOf('PENDING', signal)]);
  const active = running > 0 ? await runsIn('RUNNING', signal) : [];
  if (pending > 0 && active.length < RUNS_LOOKED_AT) active.push(...(await runsIn('PENDING', signal)));
  const told = await eachOf(active.slice(0, RUNS_LOOKED_AT), CALLS_AT_ONCE, async (run) => {
    const path = `/apis/penstock/v1/runs/${encodeURIComponent(run.run_id)}/status`;
    // A run may be deleted meanwhile.
    return {
      run,
      status: await call<RunStatus>(path, { signal, query: { unfinished_only: true } }).catch(() => undefined),
    };
  });
  return workOf(
    { running, pending },
    told.flatMap(({ run, status }) => (status ? [{ run, status }] : [])),
  );
}

export interface Told {
  run: Pick<FoundRun, 'run_id' | 'display_name'>;
  status: RunStatus;
}

// Pure.
export function workOf(counts: Pick<Work, 'running' | 'pending'>, told: Told[]): Work {
  const slots = new Map<string, Slot>();
  const waits = new Map<string, Work['waits'][number]>();
  const settings = new Set<string>();
  const take = (what: 'run' | 'task', wait: Wait | undefined) => {
    if (!wait?.message) return;
    const message = WAITS[wait.reason] ?? wait.message;
    const key = `${what} ${message}`;
    waits.set(key, { what, message, count: (waits.get(key)?.count ?? 0) + 1 });
    if (wait.setting) settings.add(wait.setting);
    for (const holder of (wait.holders ?? []) as Holder[]) {
      const key = `${holder.run_id} ${holder.task}`;
      slots.set(key, {
        ...slots.get(key),
        key,
        runId: holder.run_id,
        runName: holder.run_display_name,
        task: holder.task,
        since: holder.since,
        cpu: holder.cpu_millicores === undefined ? undefined : Number(holder.cpu_millicores),
        memory: holder.memory_bytes === undefined ? undefined : Number(holder.memory_bytes),
      });
    }
  };
  for (const { run, status } of told) {
    take('run', status.wait);
    for (const task of status.tasks ?? []) {
      if (runsNow(task)) {
        const key = `${run.run_id} ${task.name}`;
        const since = task.attempts!.at(-1)!.started_at;
        const title = task.display_name || task.name;
        slots.set(key, {
          since,
          ...slots.get(key),
          key,
          runId: run.run_id,
          runName: run.display_name,
          task: title,
          taskId: task.task_id,
        });
      } else take('task', task.wait);
    }
  }
  return {
    ...counts,
    looked: told.length,
    slots: [...slots.values()].sort(
      (a, b) => (b.cpu ?? 0) - (a.cpu ?? 0) || (a.since ?? '').localeCompare(b.since ?? ''),
    ),
    waits: [...waits.values()].sort((a, b) => b.count - a.count),
    settings: [...settings],
  };
}

function runsNow(task: TaskStatus): boolean {
  const attempt = task.attempts?.at(-1);
  return attempt !== undefined && !attempt.outcome;
}
