// What the pages compute without a browser.

import { assert, test } from './harness';
import { artifactIdOf, lineageGraph, lineageSteps } from '../src/artifact/lineage';
import {
  chunksOf,
  defaultsOf,
  deltaText,
  folded,
  merged,
  shortHash,
  withDefaults,
  type Answer,
} from '../src/compare/comparison';
import { eachOf } from '../src/parallel';
import { aligned, curveOf, valueAt } from '../src/parts/curve_data';
import { changeOf, fieldOf, valueOf } from '../src/parts/user_values';
import { callsOf, samplesOf, total } from '../src/system/prometheus';
import { workOf } from '../src/system/work';

const run = (run_id: string) => ({
  run_id,
  display_name: run_id,
  state: 'SUCCEEDED' as const,
  created_at: '2026-01-01T00:00:00Z',
});
const answer = (
  ids: string[],
  rows: [key: string, values: (string | undefined)[], differs?: boolean][],
  task?: string,
): Answer => ({
  runs: ids.map(run),
  sections: [
    {
      name: 'parameters',
      rows_in_all: 3,
      rows: rows.map(([key, values, differs]) => ({ task, key, values: values.map((value) => ({ value })), differs })),
    },
  ],
});

test('each chunk of runs has the baseline', () => {
  const ids = Array.from({ length: 40 }, (_, i) => `r${i}`);
  const chunks = chunksOf(ids);
  assert.deepEqual(
    chunks.map((chunk) => chunk.length),
    [20, 20, 2],
  );
  assert.ok(chunks.every((chunk) => chunk[0] === 'r0'));
  assert.deepEqual(
    chunks.flatMap((chunk) => chunk.slice(1)),
    ids.slice(1),
  );
});

test('a row that one answer lacks is as in the baseline there', () => {
  const both = merged([
    answer(['a', 'b'], [['x', ['1', '2'], true]]),
    answer(['a', 'c', 'd'], [['y', [undefined, '5', undefined], true]]),
  ]);
  assert.deepEqual(
    both.runs.map(({ run_id }) => run_id),
    ['a', 'b', 'c', 'd'],
  );
  const rows = Object.fromEntries(both.sections[0]!.rows.map((row) => [row.key, row.cells.map(({ text }) => text)]));
  assert.deepEqual(rows, { x: ['1', '2', '1', '1'], y: [undefined, undefined, '5', undefined] });
});

test('defaults stand where nothing was given', () => {
  const spec = (epochs: number) =>
    defaultsOf({
      root: { inputDefinitions: { parameters: { lr: { defaultValue: 0.5 }, epochs: { defaultValue: epochs } } } },
    });
  const section = merged([answer(['a', 'b'], [['lr', ['0.5', undefined], true]])]).sections[0]!;
  assert.deepEqual(withDefaults(section, [spec(1), spec(1)], false).rows, []); // given and default are the same
  const all = withDefaults(section, [spec(1), spec(2)], true).rows;
  assert.deepEqual(
    all.map(({ key, differs }) => [key, differs]),
    [
      ['epochs', true],
      ['lr', false],
    ],
  );
  assert.equal(all[1]!.cells[1]!.isDefault, true);
  // Without all, what every run was given alike has no row: its default does not count.
  const given = { ...spec(2), given: { epochs: 7 } };
  assert.deepEqual(withDefaults({ ...section, rows: [] }, [spec(1), given], false).rows, []);
});

test('rows of tasks that say the same become one', () => {
  const answers = ['train', 'evaluate'].map((task) => answer(['a'], [['numpy', ['1.0']]], task));
  const rows = folded(answers.flatMap((one) => merged([one]).sections[0]!.rows));
  assert.deepEqual(
    rows.map(({ key, tasks }) => [key, tasks]),
    [['numpy', ['train', 'evaluate']]],
  );
});

test('differences in words', () => {
  assert.equal(deltaText('0.92', '0.9'), '+0.02 (+2.22 %)');
  assert.equal(deltaText('0.9', '0.92'), '−0.02 (−2.17 %)');
  assert.equal(deltaText('5', '0'), '+5');
  assert.equal(deltaText('1', '0.00001'), '+1');
  for (const value of ['1', 'NaN', undefined, '', 'x']) assert.equal(deltaText(value, '1'), '');
  assert.equal(shortHash(`sha256:${'0123456789abcdef'.repeat(4)}, 5 bytes`), 'sha256:0123456789ab…, 5 bytes');
});

test('curves leave out what cannot be drawn', () => {
  const at = (step: number, value: number | string | undefined) => ({
    step: String(step),
    value,
    time: `2026-01-01T00:00:0${step}Z`,
  });
  const points = [at(3, 3), at(1, 'NaN'), at(2, undefined), at(3, 4), at(4, 'Infinity')];
  assert.deepEqual(curveOf(points, 'step', false), { xs: [2, 3], ys: [0, 4], leftOut: 2 });
  assert.deepEqual(curveOf(points, 'time', true), { xs: [2], ys: [4], leftOut: 3 });
  const { xs, ys } = aligned([
    { xs: [0, 2], ys: [5, 6], leftOut: 0 },
    { xs: [1], ys: [7], leftOut: 0 },
  ]);
  assert.deepEqual(
    [xs, ys],
    [
      [0, 1, 2],
      [
        [5, null, 6],
        [null, 7, null],
      ],
    ],
  );
  assert.equal(valueAt(ys[0]!, 1), 5);
  assert.equal(valueAt(ys[1]!, 0), undefined);
  assert.equal(valueAt(ys[1]!, Infinity), 7);
  assert.deepEqual(curveOf([], 'time', false).xs, []);
});

test('values of users keep their types', () => {
  for (const value of ['text', '', 1.5, true, false, [1, 'x'], { a: null }, null])
    assert.deepEqual(valueOf(fieldOf('k', value)), value);
  assert.throws(() => valueOf({ key: 'k', kind: 'number', text: '1,5' }), /not a number/);
  assert.throws(() => valueOf({ key: 'k', kind: 'JSON', text: '{' }), /not JSON/);
  const before = { kept: 1, changed: 'a', gone: true };
  const fields = [
    fieldOf('kept', 1),
    fieldOf('changed', 'b'),
    fieldOf('__proto__', 'new'),
    { key: ' ', kind: 'text' as const, text: '' },
  ];
  const { set, remove } = changeOf(before, fields);
  assert.deepEqual(Object.entries(set), [
    ['changed', 'b'],
    ['__proto__', 'new'],
  ]);
  assert.deepEqual(remove, ['gone']);
  assert.throws(() => changeOf({}, [fieldOf('a', 1), fieldOf('a', 2)]), /Two values/);
  assert.throws(() => changeOf({}, [fieldOf('', 'x')]), /no name/);
});

test('metrics in text form', () => {
  const samples = samplesOf(
    '# HELP a b\na 1\nb{x="q\\"\\n",y="2"} +Inf\nc NaN 123\nnot a sample\na{z="}"} 2.5e1\n' +
      'penstock_server_rpcs_total{code="OK",method="A"} 2\n' +
      'penstock_server_rpcs_total{code="NOT_FOUND",method="A"} 1\n' +
      'penstock_server_rpc_seconds_sum{method="A"} 0.3\n',
  );
  assert.equal(total(samples, 'a'), 26);
  assert.deepEqual(samples.get('b'), [{ labels: { x: 'q"\n', y: '2' }, value: Infinity }]);
  assert.ok(Number.isNaN(total(samples, 'c')));
  assert.equal(total(samples, 'none'), undefined);
  assert.deepEqual(callsOf(samples), [{ method: 'A', count: 3, failed: 1, seconds: 0.3 }]);
});

test('who has the room, and why others wait', () => {
  const holder = {
    run_id: 'r2',
    run_display_name: 'two',
    task: 'big',
    cpu_millicores: '2000',
    since: '2026-01-01T00:00:00Z',
  };
  const wait = { reason: 'WAITING_FOR_CAPACITY', message: 'm', holders: [holder], setting: '--max_parallel_tasks=0' };
  const work = workOf({ running: 1, pending: 0 }, [
    {
      run: { run_id: 'r1', display_name: 'one' },
      status: {
        run_id: 'r1',
        display_name: 'one',
        experiment_id: 'e',
        created_at: '2026-01-01T00:00:00Z',
        state: 'RUNNING',
        tasks: [
          {
            task_id: 't1',
            name: 'a',
            state: 'RUNNING',
            attempts: [{ number: 1, attempt_id: 'x', started_at: '2026-01-01T00:00:01Z' }],
          },
          { task_id: 't2', name: 'b', state: 'PENDING', wait },
          { task_id: 't3', name: 'c', state: 'PENDING', wait: { reason: 'ELSE', message: 'n' } },
        ],
      },
    },
  ]);
  assert.deepEqual(
    work.slots.map(({ task, cpu }) => [task, cpu]),
    [
      ['big', 2000],
      ['a', undefined],
    ],
  );
  assert.deepEqual(
    work.waits.map(({ what, count }) => [what, count]),
    [
      ['task', 1],
      ['task', 1],
    ],
  );
  assert.deepEqual(work.settings, ['--max_parallel_tasks=0']);
});

test('lineage of both directions', () => {
  const artifact = (artifact_id: string) => ({ artifact_id, type: 'system.Model', created_at: '' });
  const task = (task_id: string) => ({ run_id: 'r', task_id });
  const graph = lineageGraph([
    {
      artifacts: [artifact('m')],
      tasks: [task('train')],
      edges: [{ artifact_id: 'm', run_id: 'r', task_id: 'train', is_output: true }],
    },
    {
      artifacts: [artifact('m'), artifact('copy')],
      tasks: [task('use')],
      edges: ['use', 'gone'].map((task_id) => ({ artifact_id: 'm', run_id: 'r', task_id })),
      imports: [{ artifact_id: 'copy', imported_artifact_id: 'm' }],
    },
  ]);
  assert.equal(graph.nodes.length, 4);
  const edges = graph.edges.map(({ from, to }) => `${from}>${to}`);
  assert.deepEqual(edges, ['task r train>artifact m', 'artifact m>task r use', 'artifact m>artifact copy']);
  assert.deepEqual(
    lineageSteps(graph).map(({ task: of, took, made }) => [of.task_id, took.length, made.length]),
    [
      ['train', 0, 1],
      ['use', 1, 0],
    ],
  );
  assert.equal(artifactIdOf('id:accuracy'), 'id');
});

test('no more calls at once than allowed, and none after a failure', async () => {
  let now = 0;
  let most = 0;
  const results = await eachOf([3, 1, 2], 2, async (item) => {
    most = Math.max(most, ++now);
    await new Promise((done) => setTimeout(done, item));
    --now;
    return item * 2;
  });
  assert.deepEqual([results, most], [[6, 2, 4], 2]);
  let begun = 0;
  await assert.rejects(
    eachOf([1, 2, 3, 4], 1, async () => {
      ++begun;
      throw new Error('no');
    }),
  );
  assert.equal(begun, 1);
});
