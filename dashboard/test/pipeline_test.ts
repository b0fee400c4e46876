// What the pages of pipelines compute without a browser.

import { assert, test } from './harness';
import { differenceOf, NEED } from '../src/pipeline/difference';
import { hunksOf, linesOf, type Line } from '../src/pipeline/lines';
import { conditionText, doesText, portsOf, sourceText, taskAt } from '../src/pipeline/spec';
import { versionTitle, withShown } from '../src/pipeline/version_words';
import { packageOf, yamlOf } from '../src/pipeline/yaml';
import type { Spec } from '../src/run/tree';

const spec = (): Spec => ({
  root: {
    dag: {
      tasks: {
        loop: {
          componentRef: { name: 'comp-loop' },
          parameterIterator: { items: { inputParameter: 'pipelinechannel--sizes' } },
        },
        check: {
          componentRef: { name: 'comp-check' },
          triggerPolicy: { condition: "inputs.parameter_values['pipelinechannel--fast'] == true" },
        },
      },
    },
    inputDefinitions: {
      parameters: {
        rows: { parameterType: 'NUMBER_INTEGER', defaultValue: 100 },
        name: { parameterType: 'STRING' },
        mode: { parameterType: 'STRING', isOptional: true, literals: ['a', 'b'] },
      },
      artifacts: { data: { artifactType: { schemaTitle: 'system.Dataset' }, isArtifactList: true } },
    },
  },
  components: {
    'comp-loop': {
      dag: { tasks: { show: { componentRef: { name: 'comp-show' }, cachingOptions: { enableCache: true } } } },
    },
    'comp-check': { dag: { tasks: {} } },
    'comp-show': { executorLabel: 'exec-show' },
  },
  deploymentSpec: {
    executors: { 'exec-show': { container: { image: 'python:3.11', command: ['sh', '-c'], args: ['x'] } } },
  },
});

test('tasks in words', () => {
  const tasks = spec().root!.dag!.tasks!;
  assert.equal(doesText(spec(), tasks.loop!), 'For each of sizes');
  assert.equal(doesText(spec(), tasks.check!), 'If fast == true');
  assert.equal(doesText(spec(), taskAt(spec(), ['loop', 'show'])!), 'python:3.11');
  assert.equal(taskAt(spec(), ['loop', 'none']), undefined);
  assert.equal(
    conditionText("inputs.parameters['pipelinechannel--coin-Output'].string_value == 'heads'"),
    "coin-Output == 'heads'",
  );
});

test('where an input comes from', () => {
  assert.equal(sourceText({ componentInputParameter: 'pipelinechannel--rows' }), 'the input rows');
  assert.equal(
    sourceText({ taskOutputArtifact: { producerTask: 'train', outputArtifactKey: 'model' } }),
    'model of train',
  );
  assert.equal(sourceText({ runtimeValue: { constant: 5 } }), '5');
});

test('required inputs come first', () => {
  assert.deepEqual(
    portsOf(spec().root!.inputDefinitions).map(({ name, type }) => [name, type]),
    [
      ['data', 'Dataset, several'],
      ['name', 'Text'],
      ['mode', 'Text'],
      ['rows', 'Whole number'],
    ],
  );
});

test('what differs between versions', () => {
  const after = spec();
  after.root!.inputDefinitions!.parameters!.rows!.defaultValue = 250;
  delete after.root!.inputDefinitions!.parameters!.name;
  after.deploymentSpec!.executors!['exec-show']!.container!.image = 'python:3.12';
  after.root!.dag!.tasks!.more = { componentRef: { name: 'comp-show' } };
  const found = differenceOf(spec(), after);
  assert.deepEqual(found.inputs, [
    {
      name: 'name',
      kind: 'removed',
      aspects: [
        { what: 'type', before: 'Text' },
        { what: NEED, before: 'required' },
      ],
    },
    { name: 'rows', kind: 'changed', aspects: [{ what: 'default', before: '100', after: '250' }] },
  ]);
  assert.deepEqual(found.tasks, [
    { name: 'loop / show', kind: 'changed', aspects: [{ what: 'image', before: 'python:3.11', after: 'python:3.12' }] },
    { name: 'more', kind: 'added', aspects: [] },
  ]);
  assert.deepEqual(differenceOf(spec(), spec()), { inputs: [], outputs: [], tasks: [] });
});

const texts = (lines: Line[], signs: string) =>
  lines
    .filter(({ sign }) => signs.includes(sign))
    .map(({ text }) => text)
    .join('\n');

test('a difference of lines has both texts and is the shortest', () => {
  let seed = 1;
  const random = (most: number) => (seed = (seed * 48271) % 2147483647) % most;
  const word = () => Array.from({ length: 1 + random(10) }, () => 'abc'[random(3)]!);
  for (let i = 0; i < 300; ++i) {
    const [a, b] = [word(), word()];
    const lines = linesOf(a.join('\n'), b.join('\n'));
    assert.equal(texts(lines, ' -'), a.join('\n'));
    assert.equal(texts(lines, ' +'), b.join('\n'));
    assert.equal(lines.filter(({ sign }) => sign === ' ').length, common(a, b));
  }
});

function common(a: string[], b: string[]): number {
  let above = Array<number>(b.length + 1).fill(0);
  for (const one of a) {
    const row = [0];
    b.forEach((other, j) => row.push(one === other ? above[j]! + 1 : Math.max(above[j + 1]!, row[j]!)));
    above = row;
  }
  return above.at(-1)!;
}

test('what changed has a few lines around it, and each line once', () => {
  const before = Array.from({ length: 100 }, (_, i) => `line ${i}`);
  const after = before.map((line, i) => ([10, 14, 60].includes(i) ? `${line}!` : line));
  const hunks = hunksOf(linesOf(before.join('\n'), after.join('\n')));
  assert.deepEqual(
    hunks.map(({ lines }) => [lines[0]!.before, lines.at(-1)!.after]),
    [
      [8, 18],
      [58, 64],
    ],
  );
  assert.deepEqual(hunksOf(linesOf('a', 'a')), []);
});

test('texts of several lines stand as such in YAML', () => {
  assert.equal(
    yamlOf({ b: 'two\nlines\n', a: [1, { c: '  indented\nx' }], d: {}, e: 'yes', f: 'plain text', g: '' }),
    'a:\n  - 1\n  - c: |2-\n        indented\n      x\nb: |\n  two\n  lines\nd: {}\ne: "yes"\nf: plain text\ng: ""\n',
  );
  assert.equal(yamlOf({ a: 'x\r\ny' }), 'a: "x\\r\\ny"\n');
});

test('settings of platforms are a document of their own', () => {
  assert.equal(packageOf({ pipeline_spec: { a: 1 }, platform_spec: { b: 2 } }), 'a: 1\n---\nb: 2\n');
  assert.equal(packageOf({ a: 1 }), 'a: 1\n');
});

test('the version that is shown can be chosen, however old it is', () => {
  const version = (id: string) => ({
    pipeline_id: 'p',
    pipeline_version_id: id,
    display_name: id,
    created_at: '2026-01-01T00:00:00Z',
  });
  const rows = [version('b'), version('c')];
  assert.deepEqual(
    withShown(rows, version('a')).map((one) => one.pipeline_version_id),
    ['a', 'b', 'c'],
  );
  assert.equal(withShown(rows, version('c')), rows);
  assert.equal(versionTitle(rows[0]!, rows[0]), 'b, the newest');
});
