// The graph of a pipeline that is not a run: one layer at a time, and beside it the task that is open.

import { TaskGraph, type GraphNode } from '../run/task_graph';
import { edgesOf, graphTasks, type Spec, type SpecTask } from '../run/tree';
import { setQuery, type Place } from '../router';
import { componentOf, doesText, KIND_WORDS, kindOf, taskAt, taskTitle, type TaskKind } from './spec';
import { TaskFacts } from './task_facts';

const SHAPES: Record<TaskKind, string> = {
  task: 'M3 2.5h10v11H3zM5.5 6h5M5.5 8.5h5M5.5 11h3',
  loop: 'M13 8a5 5 0 1 1-1.8-3.9M13.2 1.8v3h-3',
  condition: 'M8 1.5L14.5 8L8 14.5L1.5 8zM8 5v3.6M8 10.6v.4',
  pipeline: 'M2 2.5h5v4H2zM9 9.5h5v4H9zM4.5 6.5v5H9',
  importer: 'M8 1.5v8M4.8 6.5L8 9.7l3.2-3.2M2.5 11v3h11v-3',
};

function KindIcon({ kind }: { kind: TaskKind }) {
  return (
    <svg class="state" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={SHAPES[kind]} />
    </svg>
  );
}

// The query of what is open; another layer closes the task.
const closed = { task: undefined };

export function VersionGraph({ spec, place }: { spec: Spec; place: Place }) {
  const layer = place.query.getAll('layer');
  const tasks = graphTasks(spec, layer);
  const open = place.query.get('task') ?? '';
  const task = tasks?.[open];
  if (!tasks) {
    return (
      <p class="notice">
        This version has no graph {layer.join(' / ')}.{' '}
        <button onClick={() => setQuery({ layer: undefined, ...closed })}>Its first graph</button>
      </p>
    );
  }
  const nodes = Object.entries(tasks).map(([name, one]) => nodeOf(spec, layer, name, one, open));
  return (
    <div class={`panes ${task ? '' : 'single'}`}>
      <section class="pane" aria-label="Graph">
        <Layers spec={spec} layer={layer} />
        <TaskGraph key={JSON.stringify(layer)} label="Graph of tasks" nodes={nodes} edges={edgesOf(tasks)} />
      </section>
      {task && <TaskFacts spec={spec} layer={layer} name={open} task={task} />}
    </div>
  );
}

function Layers({ spec, layer }: { spec: Spec; layer: string[] }) {
  if (layer.length === 0) return null;
  return (
    <nav class="filters layers" aria-label="Layers">
      <button class="quiet" onClick={() => setQuery({ layer: undefined, ...closed })}>
        Pipeline
      </button>
      {layer.map((name, i) => {
        const path = layer.slice(0, i + 1);
        const task = taskAt(spec, path);
        return (
          <span key={path.join('/')}>
            /{' '}
            <button class="quiet" onClick={() => setQuery({ layer: path, ...closed })}>
              {task ? taskTitle(name, task) : name}
            </button>
          </span>
        );
      })}
    </nav>
  );
}

function nodeOf(spec: Spec, layer: string[], name: string, task: SpecTask, open: string): GraphNode {
  const title = taskTitle(name, task);
  const kind = kindOf(spec, task);
  const does = doesText(spec, task);
  const holds = !!componentOf(spec, task)?.dag;
  return {
    name,
    title,
    second: does,
    tip: [title, `${KIND_WORDS[kind]}: ${does}`, holds && 'Double click or Shift Enter: its graph']
      .filter(Boolean)
      .join('\n'),
    icon: <KindIcon kind={kind} />,
    isOpen: name === open,
    holds,
    open: () => setQuery({ task: name }),
    enter: () => holds && setQuery({ layer: [...layer, name], ...closed }),
  };
}
