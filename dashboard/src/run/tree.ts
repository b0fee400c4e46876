// The tasks of a run as a tree, and the pipeline that they were made of. Pure.

import type { Json, Run, TaskStatus } from '../api/types';

export interface TaskTree {
  byId: Map<string, TaskStatus>;
  children: Map<string, TaskStatus[]>; // by the id of the parent; '' is the root
}

export function treeOf(given: TaskStatus[]): TaskTree {
  // What came from the cache has succeeded, too; here it is a state of its own.
  const tasks = given.map((task) =>
    task.state === 'SUCCEEDED' && task.cache?.result === 'HIT' ? { ...task, state: 'CACHED' as const } : task,
  );
  const byId = new Map(tasks.map((task) => [task.task_id, task]));
  const children = new Map<string, TaskStatus[]>();
  for (const task of tasks) {
    const parent = task.parent_task_id && byId.has(task.parent_task_id) ? task.parent_task_id : '';
    const siblings = children.get(parent);
    if (siblings) siblings.push(task);
    else children.set(parent, [task]);
  }
  return { byId, children };
}

export function titleOf(task: TaskStatus): string {
  const name = task.display_name || task.name;
  return task.iteration === undefined ? name : `${name} #${task.iteration}`;
}

// From the outermost to the task itself.
export function ancestorsOf(tree: TaskTree, taskId: string): TaskStatus[] {
  const path: TaskStatus[] = [];
  for (let at = tree.byId.get(taskId); at && path.length < 100; at = tree.byId.get(at.parent_task_id ?? ''))
    path.unshift(at);
  return path;
}

export interface Row {
  task: TaskStatus;
  depth: number;
  parts: number; // tasks directly in it
  open: boolean;
}

// What a table shows: parts of a task follow it while it is open.
export function rowsOf(tree: TaskTree, open: ReadonlySet<string>, keep?: (task: TaskStatus) => boolean): Row[] {
  const rows: Row[] = [];
  if (keep) {
    for (const task of tree.byId.values()) if (keep(task)) rows.push({ task, depth: 0, parts: 0, open: false });
    return rows;
  }
  const add = (parent: string, depth: number) => {
    for (const task of tree.children.get(parent) ?? []) {
      const parts = tree.children.get(task.task_id)?.length ?? 0;
      const isOpen = open.has(task.task_id);
      rows.push({ task, depth, parts, open: isOpen });
      if (isOpen && depth < 50) add(task.task_id, depth + 1);
    }
  };
  add('', 0);
  return rows;
}

// --- The pipeline ---

export interface SpecTask {
  taskInfo?: { name?: string };
  componentRef?: { name?: string };
  dependentTasks?: string[];
  inputs?: { parameters?: Record<string, Json>; artifacts?: Record<string, Json> };
  triggerPolicy?: { condition?: string; strategy?: string };
  parameterIterator?: { itemInput?: string; items?: { raw?: string; inputParameter?: string } };
  artifactIterator?: { itemInput?: string; items?: { inputArtifact?: string } };
  iteratorPolicy?: { parallelismLimit?: number };
  cachingOptions?: { enableCache?: boolean; cacheKey?: string };
  retryPolicy?: { [name: string]: Json };
}

export type SpecTasks = Record<string, SpecTask>;

// The inputs or the outputs of a component.
export interface SpecSide {
  parameters?: Record<string, { [name: string]: Json }>;
  artifacts?: Record<string, { [name: string]: Json }>;
}

export interface SpecComponent {
  executorLabel?: string;
  dag?: { tasks?: SpecTasks };
  inputDefinitions?: SpecSide;
  outputDefinitions?: SpecSide;
}

export interface SpecExecutor {
  container?: {
    image?: string;
    command?: string[];
    args?: string[];
    env?: { name: string; value?: string }[];
    resources?: { [name: string]: Json };
  };
  importer?: { artifactUri?: Json; reimport?: boolean; [name: string]: Json | undefined };
}

export interface Spec {
  pipelineInfo?: { name?: string; description?: string };
  root?: SpecComponent;
  components?: Record<string, SpecComponent>;
  deploymentSpec?: { executors?: Record<string, SpecExecutor> };
  defaultPipelineRoot?: string;
}

export function specOf(run: Pick<Run, 'pipeline_spec'>): Spec {
  const stored = run.pipeline_spec as { pipeline_spec?: Spec } & Spec;
  return stored?.pipeline_spec ?? stored ?? {};
}

// The tasks of the graph that the tasks named in `path` lead to, one in the other; nothing if there is no such graph.
export function graphTasks(spec: Spec, path: string[]): SpecTasks | undefined {
  let tasks = spec.root?.dag?.tasks;
  for (const name of path) {
    const component = tasks?.[name]?.componentRef?.name;
    tasks = component === undefined ? undefined : spec.components?.[component]?.dag?.tasks;
  }
  return tasks;
}

// Who has to end before: said outright, or because it makes an input.
export function upstreamOf(task: SpecTask): string[] {
  const names = new Set(task.dependentTasks ?? []);
  const find = (value: Json | undefined): void => {
    if (value === null || typeof value !== 'object') return;
    if (Array.isArray(value)) {
      value.forEach(find);
      return;
    }
    if (typeof value.producerTask === 'string' && value.producerTask) names.add(value.producerTask);
    Object.values(value).forEach(find);
  };
  for (const inputs of [task.inputs?.parameters, task.inputs?.artifacts]) Object.values(inputs ?? {}).forEach(find);
  return [...names];
}

export interface Edge {
  from: string;
  to: string;
}

export function edgesOf(tasks: SpecTasks): Edge[] {
  return Object.entries(tasks).flatMap(([to, task]) =>
    upstreamOf(task)
      .filter((from) => tasks[from])
      .map((from) => ({ from, to })),
  );
}

// The tree with the tasks of each graph in the order in which they may run: who waits for nobody comes first.
export function inOrder(tree: TaskTree, run: Pick<Run, 'pipeline_spec'>): TaskTree {
  const spec = specOf(run);
  const children = new Map(tree.children);
  for (const [parent, parts] of tree.children) {
    if (parts.length < 2 || parts[0]!.iteration !== undefined) continue;
    const path = ancestorsOf(tree, parent)
      .filter((task) => task.iteration === undefined)
      .map((task) => task.name);
    const ranks = ranksOf(graphTasks(spec, path) ?? {});
    children.set(
      parent,
      [...parts].sort((a, b) => (ranks.get(a.name) ?? 0) - (ranks.get(b.name) ?? 0)),
    );
  }
  return { byId: tree.byId, children };
}

// How many tasks one waits for, at most, one after the other.
function ranksOf(tasks: SpecTasks): Map<string, number> {
  const ranks = new Map<string, number>();
  const rankOf = (name: string): number => {
    const known = ranks.get(name);
    if (known !== undefined) return known;
    ranks.set(name, 0); // a cycle, which no pipeline has, would end here
    const rank = Math.max(
      0,
      ...upstreamOf(tasks[name]!)
        .filter((one) => tasks[one])
        .map((one) => rankOf(one) + 1),
    );
    ranks.set(name, rank);
    return rank;
  };
  Object.keys(tasks).forEach(rankOf);
  return ranks;
}

// --- In words ---

// Why a task is as it is: why it waits, was skipped, did not run or failed. Empty where the state says all.
export function whyOf(task: TaskStatus): string {
  if (task.wait?.message) return task.wait.message;
  if (task.state === 'FAILED') return task.error?.message?.split('\n')[0] ?? lastMessage(task);
  if (task.state === 'SKIPPED') {
    const cause = task.skipped_because_of;
    return cause ? `Skipped, since ${cause.name} ${endWord(cause.state)}` : 'Skipped: its condition was false';
  }
  if (task.state === 'CACHED') return 'Taken from the cache';
  return '';
}

const MISSES: Record<string, (field: string) => string> = {
  NO_ENTRY: () => 'nothing like it has run before',
  FIELD_DIFFERS: (field) => `${field} differs from the nearest one that has`,
  TOO_OLD: () => 'what is kept is too old',
  OUTPUTS_GONE: () => 'the outputs that were kept are gone',
  ARTIFACT_GONE: (field) => `the artifact ${field} that was kept is gone`,
  ARTIFACT_CHANGED: (field) => `the artifact ${field} that was kept has changed`,
  SERVER_OFF: () => 'the cache of this server is off',
  RUN_OFF: () => 'the run turns the cache off',
  RUNS_WHATEVER_HAPPENS: () => 'it runs whatever happens',
  READS_FINAL_STATUS: () => 'it reads how others ended',
  INPUT_UNKNOWN: () => 'the content of an input is not known',
};

// Why a task ran and was not taken from the cache; empty if nothing is known of that.
export function whyItRan(task: TaskStatus): string {
  const { cache } = task;
  if (!cache || cache.result === 'HIT') return '';
  const words = MISSES[cache.reason ?? '']?.(cache.field ?? '');
  return words ? `Not from the cache: ${words}` : '';
}

// An error without the end of the log, which stands in it and is shown beside it.
export function withoutLog(message: string): string {
  return message.split('\nLast lines of its log:')[0]!;
}

function lastMessage(task: TaskStatus): string {
  return task.attempts?.at(-1)?.message?.split('\n')[0] ?? '';
}

function endWord(state: string): string {
  return { FAILED: 'failed', SKIPPED: 'was skipped', CANCELED: 'was canceled' }[state] ?? 'did not succeed';
}

// The task whose failure made the run fail: the first that failed and holds no other.
export function firstFailure(tree: TaskTree): TaskStatus | undefined {
  let first: TaskStatus | undefined;
  for (const task of tree.byId.values()) {
    if (task.state !== 'FAILED' || tree.children.get(task.task_id)?.some((part) => part.state === 'FAILED')) continue;
    const at = task.attempts?.at(-1)?.finished_at ?? '';
    if (!first || at < (first.attempts?.at(-1)?.finished_at ?? '')) first = task;
  }
  return first;
}
