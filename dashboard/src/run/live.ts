// The status of a run as it is now: a stream brings what changes of it.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, call } from '../api/http';
import type { RunStatus, RunStatusChange, TaskStatus } from '../api/types';
import { mayPass, useStream, type Loaded } from '../load';
import { hasEnded } from '../parts/state';

const MANY_TASKS = 1000; // from which on what changes is gathered
const GATHER_MS = 250;

// The status after a change; what did not change stays the same object.
export function changed(before: RunStatus, { status, removed_task_ids }: RunStatusChange): RunStatus {
  const fresh = new Map((status.tasks ?? []).map((task) => [task.task_id, task]));
  const removed = new Set(removed_task_ids ?? []);
  const tasks: TaskStatus[] = [];
  for (const task of before.tasks ?? []) {
    if (removed.has(task.task_id)) continue;
    tasks.push(fresh.get(task.task_id) ?? task);
    fresh.delete(task.task_id);
  }
  for (const task of fresh.values()) tasks.push(task);
  return { ...status, tasks };
}

export interface LiveStatus extends RunStatus {
  toCome: number; // tasks that are on their way
}

interface Shown {
  runId: string;
  data?: LiveStatus;
  error?: Error;
}

export function useRunStatus(runId: string): Loaded<LiveStatus> {
  const [shown, setShown] = useState<Shown>({ runId });
  const [round, setRound] = useState(0);
  const latest = useRef<LiveStatus | undefined>(undefined);
  const timer = useRef(0);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = 0;
      latest.current = undefined;
    },
    [runId],
  );

  const show = () => {
    clearTimeout(timer.current);
    timer.current = 0;
    setShown({ runId, data: latest.current });
  };
  const path = `/apis/penstock/v1/runs/${encodeURIComponent(runId)}/status`;
  useStream<RunStatusChange>(
    `${path}:watch`,
    {},
    {
      take: (message, first) => {
        const status = first || !latest.current ? message.status : changed(latest.current, message);
        latest.current = { ...status, toCome: Number(message.tasks_to_come ?? 0) };
        const over = hasEnded(status.state) && latest.current.toCome === 0;
        // A screen full at once, and then all of it.
        const wait = (status.tasks?.length ?? 0) > MANY_TASKS ? GATHER_MS : 0;
        if (first || over || (wait === 0 && latest.current.toCome === 0)) show();
        else timer.current ||= window.setTimeout(show, GATHER_MS);
        return over;
      },
      // No place for another watch, or a server of a version without it: what is there now can be had all the same.
      refused: async (error) => {
        if (!(error instanceof ApiError)) return false;
        try {
          const data = await call<RunStatus>(path);
          latest.current = { ...data, toCome: 0 };
          show();
          return hasEnded(data.state);
        } catch (again) {
          if (mayPass(again)) return false;
          setShown({ runId, error: again as Error });
          return true;
        }
      },
    },
    round,
  );
  const reload = useCallback(() => setRound((old) => old + 1), []);
  if (shown.runId !== runId) return { loading: true, reload };
  return { data: shown.data, error: shown.error, loading: !shown.data && !shown.error, reload };
}
