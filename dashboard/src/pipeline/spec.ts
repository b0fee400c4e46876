// A compiled pipeline in words: what its tasks are, what they take, and the inputs and outputs of all of it. Pure.

import type { Json } from '../api/types';
import type { Spec, SpecComponent, SpecExecutor, SpecTask } from '../run/tree';
import { valueText } from '../words';

export type TaskKind = 'task' | 'loop' | 'condition' | 'pipeline' | 'importer';

export const KIND_WORDS: Record<TaskKind, string> = {
  task: 'Task',
  loop: 'Loop',
  condition: 'Condition',
  pipeline: 'Pipeline',
  importer: 'Importer',
};

export function componentOf(spec: Spec, task: SpecTask): SpecComponent | undefined {
  return spec.components?.[task.componentRef?.name ?? ''];
}

export function executorOf(spec: Spec, task: SpecTask): SpecExecutor | undefined {
  return spec.deploymentSpec?.executors?.[componentOf(spec, task)?.executorLabel ?? ''];
}

export function kindOf(spec: Spec, task: SpecTask): TaskKind {
  if (task.parameterIterator || task.artifactIterator) return 'loop';
  if (task.triggerPolicy?.condition) return 'condition';
  if (componentOf(spec, task)?.dag) return 'pipeline';
  return executorOf(spec, task)?.importer ? 'importer' : 'task';
}

export function taskTitle(name: string, task: SpecTask): string {
  return task.taskInfo?.name || name;
}

// What the compiler adds to the names that the author wrote.
function plainName(name: string): string {
  return name.replace(/^pipelinechannel--/, '').replace(/-loop-item$/, '');
}

// As the author would have written it.
export function conditionText(condition: string): string {
  const input = /inputs\.parameter(?:_value)?s\[(['"])(.+?)\1\](?:\.(?:string|int|double|bool)_value)?/g;
  return condition.replace(input, (_, __, name: string) => plainName(name));
}

export function loopText(task: SpecTask): string {
  const items = task.parameterIterator?.items;
  const artifacts = task.artifactIterator?.items?.inputArtifact;
  return plainName(items?.inputParameter ?? artifacts ?? '') || items?.raw || 'its items';
}

// One line on what a task does.
export function doesText(spec: Spec, task: SpecTask): string {
  switch (kindOf(spec, task)) {
    case 'loop':
      return `For each of ${loopText(task)}`;
    case 'condition':
      return `If ${conditionText(task.triggerPolicy!.condition!)}`;
    case 'pipeline': {
      const count = Object.keys(componentOf(spec, task)?.dag?.tasks ?? {}).length;
      return `${count} ${count === 1 ? 'task' : 'tasks'}`;
    }
    case 'importer':
      return `Imports ${sourceText(executorOf(spec, task)!.importer!.artifactUri)}`;
    default:
      return executorOf(spec, task)?.container?.image ?? '';
  }
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

// Where an input comes from: "5", "the input rows", "Output of train".
export function sourceText(source: Json | undefined): string {
  if (!isObject(source)) return valueText(source);
  const selector =
    typeof source.parameterExpressionSelector === 'string' ? `, of it ${source.parameterExpressionSelector}` : '';
  if (typeof source.componentInputParameter === 'string')
    return `the input ${plainName(source.componentInputParameter)}${selector}`;
  if (typeof source.componentInputArtifact === 'string') return `the input ${plainName(source.componentInputArtifact)}`;
  if (isObject(source.runtimeValue)) return valueText(source.runtimeValue.constant ?? source.runtimeValue) + selector;
  if (source.constant !== undefined) return valueText(source.constant);
  if (typeof source.runtimeParameter === 'string') return `the input ${source.runtimeParameter}`;
  for (const [kind, key] of [
    ['taskOutputParameter', 'outputParameterKey'],
    ['taskOutputArtifact', 'outputArtifactKey'],
  ] as const) {
    const from = source[kind];
    if (isObject(from)) return `${valueText(from[key])} of ${valueText(from.producerTask)}${selector}`;
  }
  if (isObject(source.taskFinalStatus)) return `how ${valueText(source.taskFinalStatus.producerTask)} ended`;
  return JSON.stringify(source);
}

export interface TaskInput {
  name: string;
  source: string;
}

export function inputsOfTask(task: SpecTask): TaskInput[] {
  return Object.entries({ ...task.inputs?.parameters, ...task.inputs?.artifacts }).map(([name, source]) => ({
    name: plainName(name),
    source: sourceText(source),
  }));
}

const TYPES: Record<string, string> = {
  NUMBER_INTEGER: 'Whole number',
  INT: 'Whole number',
  NUMBER_DOUBLE: 'Number',
  DOUBLE: 'Number',
  STRING: 'Text',
  BOOLEAN: 'True or false',
  LIST: 'List',
  STRUCT: 'Object',
  TASK_FINAL_STATUS: 'How a task ended',
  TASK_CONFIG: 'Settings of a task',
};

export interface Port {
  name: string;
  type: string; // in words
  isOptional: boolean;
  hasDefault: boolean;
  defaultValue?: Json;
  literals: Json[]; // the only values, if there are any
  description: string;
}

// Required ones first, each by name: the order in which they were written is not kept by the compiler.
export function portsOf(side: SpecComponent['inputDefinitions']): Port[] {
  const ports: Port[] = [];
  for (const [name, of] of Object.entries(side?.parameters ?? {})) {
    const type = String(of.parameterType ?? of.type ?? '');
    ports.push(portOf(name, of, TYPES[type] ?? type));
  }
  for (const [name, of] of Object.entries(side?.artifacts ?? {})) {
    const schema = isObject(of.artifactType)
      ? (of.artifactType.schemaTitle ?? of.artifactType.instanceSchema)
      : undefined;
    ports.push(
      portOf(
        name,
        of,
        `${valueText(schema).replace(/^system\./, '') || 'Artifact'}${of.isArtifactList === true ? ', several' : ''}`,
      ),
    );
  }
  const rank = ({ isOptional, hasDefault }: Port) => (isOptional || hasDefault ? 1 : 0);
  return ports.sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

function portOf(name: string, of: { [name: string]: Json }, type: string): Port {
  return {
    name,
    type,
    isOptional: of.isOptional === true,
    hasDefault: of.defaultValue !== undefined,
    defaultValue: of.defaultValue,
    literals: Array.isArray(of.literals) ? of.literals : [],
    description: typeof of.description === 'string' ? of.description : '',
  };
}

// The task that names lead to, one in the other.
export function taskAt(spec: Spec, path: string[]): SpecTask | undefined {
  let tasks = spec.root?.dag?.tasks;
  let task: SpecTask | undefined;
  for (const name of path) {
    task = tasks?.[name];
    tasks = task && componentOf(spec, task)?.dag?.tasks;
  }
  return task;
}
