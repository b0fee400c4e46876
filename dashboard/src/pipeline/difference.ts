// What differs between two versions of a pipeline: its inputs and outputs, and its tasks at any depth. Pure.

import type { Json } from '../api/types';
import type { Spec, SpecTask, SpecTasks } from '../run/tree';
import { valueText } from '../words';
import { componentOf, conditionText, executorOf, inputsOfTask, kindOf, loopText, portsOf, type Port } from './spec';

export interface Aspect {
  what: string;
  before?: string; // absent: there was none
  after?: string;
}

export interface Change {
  name: string;
  kind: 'added' | 'removed' | 'changed';
  aspects: Aspect[]; // of what changed; of an input or output all that is known
}

export interface Difference {
  inputs: Change[];
  outputs: Change[];
  tasks: Change[];
}

const DEEP_MOST = 100;

export const NEED = 'need'; // an aspect whose value says all

type Facts = Map<string, string>; // aspect to its value as a text

// A text that is the same whatever order the keys have.
function stable(value: Json | undefined): string {
  if (value === undefined) return '';
  if (value === null || typeof value !== 'object') return valueText(value);
  if (Array.isArray(value)) return JSON.stringify(value.map(stable));
  return JSON.stringify(
    Object.keys(value)
      .sort()
      .map((name) => [name, stable(value[name])]),
  );
}

function factsOfPort(port: Port): Facts {
  const facts: Facts = new Map([['type', port.type]]);
  if (port.hasDefault) facts.set('default', valueText(port.defaultValue));
  if (!port.hasDefault) facts.set(NEED, port.isOptional ? 'may be left out' : 'required');
  if (port.literals.length > 0) facts.set('values', port.literals.map(valueText).join(', '));
  if (port.description) facts.set('description', port.description);
  return facts;
}

function portFacts(ports: Port[]): Map<string, Facts> {
  return new Map(ports.map((port) => [port.name, factsOfPort(port)]));
}

function factsOfTask(spec: Spec, task: SpecTask): Facts {
  const component = componentOf(spec, task);
  const { container, importer } = executorOf(spec, task) ?? {};
  const facts: Facts = new Map([['kind', kindOf(spec, task)]]);
  const add = (what: string, value: Json | undefined) => {
    if (value !== undefined && value !== '' && stable(value) !== '[]') facts.set(what, stable(value));
  };
  if (task.triggerPolicy?.condition) add('condition', conditionText(task.triggerPolicy.condition));
  add('waits for', [...(task.dependentTasks ?? [])].sort().join(', '));
  if (task.triggerPolicy?.strategy) add('runs', task.triggerPolicy.strategy.toLowerCase().replaceAll('_', ' '));
  if (task.parameterIterator || task.artifactIterator) add('loop', `for each of ${loopText(task)}`);
  add('iterations at a time', task.iteratorPolicy?.parallelismLimit);
  add('retries', task.retryPolicy as Json);
  add('cache', task.cachingOptions?.enableCache ? task.cachingOptions.cacheKey || 'on' : 'off');
  for (const { name, source } of inputsOfTask(task)) add(`input ${name}`, source);
  add('image', container?.image);
  // Not shown whole: the lines below the table say what is new in it.
  add('program', container && ([...(container.command ?? []), ...(container.args ?? [])] as Json));
  add('variables', container?.env?.map(({ name, value }) => `${name}=${value ?? ''}`).join(', '));
  add('resources', container?.resources);
  add('import', importer as Json);
  for (const port of portsOf(component?.outputDefinitions)) add(`output ${port.name}`, port.type);
  return facts;
}

function taskFacts(spec: Spec): Map<string, Facts> {
  const all = new Map<string, Facts>();
  const walk = (tasks: SpecTasks | undefined, path: string[]) => {
    for (const [name, task] of Object.entries(tasks ?? {})) {
      const at = [...path, name];
      all.set(at.join(' / '), factsOfTask(spec, task));
      if (at.length < DEEP_MOST) walk(componentOf(spec, task)?.dag?.tasks, at);
    }
  };
  walk(spec.root?.dag?.tasks, []);
  return all;
}

function changesOf(before: Map<string, Facts>, after: Map<string, Facts>, whole: boolean): Change[] {
  const changes: Change[] = [];
  const all = (facts: Facts, side: 'before' | 'after'): Aspect[] =>
    whole ? [...facts].map(([what, value]) => ({ what, [side]: value })) : [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(name), after.get(name)];
    if (!old) changes.push({ name, kind: 'added', aspects: all(now!, 'after') });
    else if (!now) changes.push({ name, kind: 'removed', aspects: all(old, 'before') });
    else {
      const aspects = [...new Set([...old.keys(), ...now.keys()])]
        .filter((what) => old.get(what) !== now.get(what))
        .map((what) => ({ what, before: old.get(what), after: now.get(what) }));
      if (aspects.length > 0) changes.push({ name, kind: 'changed', aspects });
    }
  }
  return changes.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

export function differenceOf(before: Spec, after: Spec): Difference {
  const ports = (side: 'inputDefinitions' | 'outputDefinitions') =>
    changesOf(portFacts(portsOf(before.root?.[side])), portFacts(portsOf(after.root?.[side])), true);
  return {
    inputs: ports('inputDefinitions'),
    outputs: ports('outputDefinitions'),
    tasks: changesOf(taskFacts(before), taskFacts(after), false),
  };
}
