// The graph of one layer of a run. Layers open one at a time; a loop is a grid of the states of its iterations.

import type { Run, State, TaskStatus } from '../api/types';
import { StateIcon, stateWord } from '../parts/state';
import { setQuery } from '../router';
import { plural } from '../words';
import { TaskGraph, type GraphNode } from './task_graph';
import { ancestorsOf, edgesOf, graphTasks, specOf, titleOf, whyOf, type TaskTree } from './tree';

interface Props {
  run: Run;
  tree: TaskTree;
  layer: string; // id of the task whose parts are shown; '' is the run
  openTask: string;
}

export function Graph(props: Props) {
  const { tree, layer } = props;
  const path = layer ? ancestorsOf(tree, layer) : [];
  const parts = tree.children.get(layer) ?? [];
  const isLoop = parts.length > 0 && parts.every((part) => part.iteration !== undefined);
  return (
    <>
      {path.length > 0 && (
        <nav class="filters" aria-label="Layers">
          <button class="quiet" onClick={() => setQuery({ layer: undefined })}>
            Run
          </button>
          {path.map((task) => (
            <span key={task.task_id}>
              /{' '}
              <button class="quiet" onClick={() => setQuery({ layer: task.task_id })}>
                {titleOf(task)}
              </button>
            </span>
          ))}
        </nav>
      )}
      {isLoop ? <Iterations parts={parts} open={props.openTask} /> : <Layer {...props} path={path} parts={parts} />}
    </>
  );
}

function Iterations({ parts, open }: { parts: TaskStatus[]; open: string }) {
  return (
    <div class="iterations" aria-label="Iterations">
      {parts.map((part) => (
        <button
          key={part.task_id}
          class={`iteration ${open === part.task_id ? 'open' : ''}`}
          title={`#${part.iteration}: ${stateWord(part.state)}`}
          aria-label={`Iteration ${part.iteration}: ${stateWord(part.state)}`}
          onClick={() => setQuery({ layer: part.task_id, task: part.task_id })}
        >
          <StateIcon state={part.state} title={false} /> {part.iteration}
        </button>
      ))}
    </div>
  );
}

// Tasks by their names, and what is not a task yet from the pipeline alone.
function Layer({ run, tree, layer, openTask, path, parts }: Props & { path: TaskStatus[]; parts: TaskStatus[] }) {
  const names = path.filter((task) => task.iteration === undefined).map((task) => task.name);
  const spec = graphTasks(specOf(run), names) ?? {};
  const byName = new Map(parts.map((part) => [part.name, part]));
  const nodes = [...new Set([...Object.keys(spec), ...byName.keys()])].map((name) =>
    nodeOf(name, byName.get(name), tree, openTask),
  );
  return <TaskGraph key={layer} label="Graph of tasks; the table has the same" nodes={nodes} edges={edgesOf(spec)} />;
}

function nodeOf(name: string, task: TaskStatus | undefined, tree: TaskTree, openTask: string): GraphNode {
  const title = task ? titleOf(task) : name;
  const parts = task ? (tree.children.get(task.task_id) ?? []) : [];
  const state: State = task?.state ?? 'PENDING';
  const why = task ? whyOf(task) : 'Not begun';
  const second = parts.length > 0 ? partsText(parts) : why;
  return {
    name,
    title,
    second,
    tip: [title, stateWord(state), second].filter(Boolean).join('\n'),
    icon: <StateIcon state={state} title={false} />,
    isOpen: !!task && openTask === task.task_id,
    holds: parts.length > 0,
    open: () => task && setQuery({ task: task.task_id }),
    enter: () => task && parts.length > 0 && setQuery({ layer: task.task_id }),
  };
}

function partsText(parts: TaskStatus[]): string {
  const failed = parts.filter((part) => part.state === 'FAILED').length;
  const ended = parts.filter((part) => ['SUCCEEDED', 'CACHED', 'SKIPPED'].includes(part.state)).length;
  const what = parts[0]?.iteration !== undefined ? plural(parts.length, 'iteration') : plural(parts.length, 'task');
  return `${what}, ${ended} done${failed > 0 ? `, ${failed} failed` : ''}`;
}
