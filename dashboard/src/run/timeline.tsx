// When each attempt of a run's tasks ran.

import type { TaskStatus } from '../api/types';
import { StateIcon } from '../parts/state';
import { Table } from '../parts/table';
import { useNow } from '../parts/time';
import { setQuery } from '../router';
import { durationText } from '../words';
import { titleOf, type TaskTree } from './tree';

interface Bar {
  task: TaskStatus;
  attempts: { from: number; to: number; outcome: string; number: number }[];
}

export function Timeline({ tree, openTask, ended }: { tree: TaskTree; openTask: string; ended: boolean }) {
  const now = useNow(!ended);
  const bars: Bar[] = [];
  for (const task of tree.byId.values()) {
    const attempts = (task.attempts ?? [])
      .filter((one) => one.started_at)
      .map((one) => ({
        from: Date.parse(one.started_at!),
        to: one.finished_at ? Date.parse(one.finished_at) : now,
        outcome: one.outcome ?? 'RUNNING',
        number: one.number,
      }));
    if (attempts.length > 0) bars.push({ task, attempts });
  }
  bars.sort((a, b) => a.attempts[0]!.from - b.attempts[0]!.from);
  if (bars.length === 0) return <p class="notice-empty">No attempt has started.</p>;
  const begin = Math.min(...bars.map((bar) => bar.attempts[0]!.from));
  const end = Math.max(begin + 1, ...bars.map((bar) => bar.attempts.at(-1)!.to));
  const share = (time: number) => `${(100 * (time - begin)) / (end - begin)}%`;
  return (
    <Table
      label="Timeline"
      rows={bars}
      rowHeight={28}
      keyOf={({ task }) => task.task_id}
      isOpen={({ task }) => task.task_id === openTask}
      onOpen={({ task }) => setQuery({ task: task.task_id })}
      columns={[
        {
          key: 'task',
          title: 'Task',
          width: 'minmax(140px, 220px)',
          cell: ({ task }) => (
            <span>
              <StateIcon state={task.state} /> {titleOf(task)}
            </span>
          ),
        },
        {
          key: 'time',
          title: `${durationText((end - begin) / 1000)} in all`,
          width: 'minmax(240px, 1fr)',
          cell: ({ attempts }) => (
            <span class="track">
              {attempts.map(({ from, to, outcome, number }) => (
                <span
                  key={number}
                  class={`bar bar-${outcome.toLowerCase()}`}
                  title={`Attempt ${number}: ${durationText((to - from) / 1000)}, ${outcome.toLowerCase()}`}
                  style={{ left: share(from), width: `calc(${share(begin + to - from)} + 2px)` }}
                />
              ))}
            </span>
          ),
        },
        {
          key: 'took',
          title: 'Took',
          width: '90px',
          numeric: true,
          cell: ({ attempts }) => durationText(attempts.reduce((all, one) => all + one.to - one.from, 0) / 1000),
        },
      ]}
    />
  );
}
