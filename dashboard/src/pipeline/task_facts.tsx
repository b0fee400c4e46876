// One task of a pipeline that is not a run: what it takes and gives, when it runs, and its program.

import type { Json } from '../api/types';
import { Values } from '../parts/value';
import type { Spec, SpecTask } from '../run/tree';
import { setQuery } from '../router';
import {
  componentOf,
  conditionText,
  doesText,
  executorOf,
  inputsOfTask,
  KIND_WORDS,
  kindOf,
  loopText,
  portsOf,
  taskTitle,
} from './spec';

interface Props {
  spec: Spec;
  layer: string[];
  name: string;
  task: SpecTask;
}

export function TaskFacts({ spec, layer, name, task }: Props) {
  const component = componentOf(spec, task);
  return (
    <section class="pane" aria-label={`Task ${taskTitle(name, task)}`}>
      <div class="page-head">
        <h2 class="grow">{taskTitle(name, task)}</h2>
        <span class="soft">{KIND_WORDS[kindOf(spec, task)]}</span>
        {component?.dag && (
          <button onClick={() => setQuery({ layer: [...layer, name], task: undefined })}>Open its graph</button>
        )}
        <button class="quiet" aria-label="Close the task" onClick={() => setQuery({ task: undefined })}>
          ×
        </button>
      </div>
      <div class="panel-body" tabIndex={0}>
        <Values of={whenOf(spec, task)} />
        <h2>Inputs</h2>
        <Values empty="None" of={inputsOfTask(task).map(({ name: input, source }) => [input, source])} />
        <h2>Outputs</h2>
        <Values empty="None" of={portsOf(component?.outputDefinitions).map((port) => [port.name, port.type])} />
        <Program spec={spec} task={task} />
      </div>
    </section>
  );
}

function whenOf(spec: Spec, task: SpecTask): [string, Json][] {
  const { condition, strategy } = task.triggerPolicy ?? {};
  const facts: [string, Json | undefined | false][] = [
    ['Condition', condition && conditionText(condition)],
    ['Loop', (task.parameterIterator || task.artifactIterator) && `for each of ${loopText(task)}`],
    ['Iterations at a time', task.iteratorPolicy?.parallelismLimit],
    ['Waits for', task.dependentTasks?.join(', ')],
    ['Runs', strategy === 'ALL_UPSTREAM_TASKS_COMPLETED' && 'whatever became of the tasks before'],
    [
      'Cache',
      kindOf(spec, task) === 'task' &&
        (task.cachingOptions?.enableCache ? task.cachingOptions.cacheKey || 'on' : 'off'),
    ],
    ['Retries', task.retryPolicy as Json | undefined],
    ['Component', task.componentRef?.name],
  ];
  return facts.filter((fact): fact is [string, Json] => fact[1] !== undefined && fact[1] !== '' && fact[1] !== false);
}

function Program({ spec, task }: { spec: Spec; task: SpecTask }) {
  const { container, importer } = executorOf(spec, task) ?? {};
  if (importer) {
    return (
      <>
        <h2>Import</h2>
        <Values
          of={[
            ['What', doesText(spec, task)],
            ['Whole', importer as Json],
          ]}
        />
      </>
    );
  }
  if (!container) return null;
  const facts: [string, Json | undefined][] = [
    ['Image', container.image],
    ['Resources', container.resources],
  ];
  for (const { name, value } of container.env ?? []) facts.push([name, value]);
  const lines = [...(container.command ?? []), ...(container.args ?? [])];
  return (
    <>
      <h2>Program</h2>
      <Values of={facts.filter(([, value]) => value !== undefined)} />
      <pre class="mono">{lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')}</pre>
    </>
  );
}
