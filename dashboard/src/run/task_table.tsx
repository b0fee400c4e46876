// The tasks of a run as a table: what the graph shows, in words, for any number of tasks.

import { useState } from 'preact/hooks';
import type { State, TaskStatus } from '../api/types';
import { StateIcon, stateWord } from '../parts/state';
import { Table, type Column } from '../parts/table';
import { TextFilter } from '../parts/text_filter';
import { Ago, Duration } from '../parts/time';
import { setQuery } from '../router';
import { rowsOf, titleOf, whyOf, type Row, type TaskTree } from './tree';

const STATES: State[] = ['FAILED', 'RUNNING', 'PENDING', 'SUCCEEDED', 'CACHED', 'SKIPPED', 'CANCELED'];
const OPEN_AT_FIRST = 40; // tasks in one that is open without being asked for

interface Props {
  tree: TaskTree;
  openTask: string;
  text: string;
  state: string;
}

function openAtFirst(tree: TaskTree): Set<string> {
  const open = new Set<string>();
  for (const [parent, parts] of tree.children)
    if (parent && parts.length <= OPEN_AT_FIRST && parts[0]?.iteration === undefined) open.add(parent);
  return open;
}

function began(task: TaskStatus): string | undefined {
  return task.attempts?.[0]?.started_at;
}

export function TaskTable({ tree, openTask, text, state }: Props) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const open = new Set([...openAtFirst(tree), ...opened].filter((id) => !closed.has(id)));
  const wanted = text.toLowerCase();
  const keep = (task: TaskStatus) =>
    (!wanted || titleOf(task).toLowerCase().includes(wanted)) && (!state || task.state === state);
  const rows = rowsOf(tree, open, text || state ? keep : undefined);
  const toggle = (id: string, isOpen: boolean) => {
    const [add, drop] = isOpen ? [setClosed, setOpened] : [setOpened, setClosed];
    add((old) => new Set([...old, id]));
    drop((old) => new Set([...old].filter((one) => one !== id)));
  };
  const counts = new Map<string, number>();
  for (const task of tree.byId.values()) counts.set(task.state, (counts.get(task.state) ?? 0) + 1);
  const columns: Column<Row>[] = [
    {
      key: 'name',
      title: 'Task',
      width: 'minmax(200px, 1.2fr)',
      cell: ({ task, depth, parts, open: isOpen }) => (
        <span style={{ paddingLeft: `${depth * 18}px` }}>
          {parts > 0 ? (
            <button
              class="quiet fold"
              aria-expanded={isOpen}
              aria-label={`${isOpen ? 'Close' : 'Open'} ${titleOf(task)}`}
              onClick={() => toggle(task.task_id, isOpen)}
            >
              {isOpen ? '▾' : '▸'}
            </button>
          ) : (
            <span class="fold" />
          )}
          <StateIcon state={task.state} /> {titleOf(task)} {parts > 0 && <span class="soft small">{parts}</span>}
        </span>
      ),
    },
    {
      key: 'why',
      title: 'Why',
      width: 'minmax(160px, 1.6fr)',
      cell: ({ task }) => (
        <span class={task.state === 'FAILED' ? 'bad' : 'soft'} title={whyOf(task)}>
          {whyOf(task)}
        </span>
      ),
    },
    { key: 'began', title: 'Started', width: '90px', cell: ({ task }) => <Ago at={began(task)} /> },
    {
      key: 'took',
      title: 'Took',
      width: '90px',
      numeric: true,
      cell: ({ task }) => <Duration from={began(task)} to={task.attempts?.at(-1)?.finished_at} />,
    },
    {
      key: 'attempts',
      title: 'Attempts',
      width: '82px',
      numeric: true,
      cell: ({ task }) => task.attempts?.length || '',
    },
  ];
  return (
    <>
      <div class="filters" role="search">
        <TextFilter of="Task" label="Task name contains" text={text} size={14} />
        {STATES.filter((one) => counts.has(one)).map((one) => (
          <button
            key={one}
            class="chip"
            aria-pressed={state === one}
            onClick={() => setQuery({ state: state === one ? undefined : one })}
          >
            <StateIcon state={one} title={false} /> {stateWord(one)} {counts.get(one)!.toLocaleString('en')}
          </button>
        ))}
      </div>
      <Table
        label="Tasks"
        columns={columns}
        rows={rows}
        rowHeight={32}
        keyOf={({ task }) => task.task_id}
        isOpen={({ task }) => task.task_id === openTask}
        onOpen={({ task }) => setQuery({ task: task.task_id })}
      />
    </>
  );
}
