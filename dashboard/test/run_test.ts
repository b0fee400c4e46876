// The tree of a run's tasks, logs, words and searches.

import type { TaskStatus } from '../src/api/types';
import { filterOf } from '../src/api/search';
import { errorLine, piecesOf, plainStyle } from '../src/parts/ansi';
import { tableOf } from '../src/parts/artifact';
import { hrefOf, placeOf } from '../src/router';
import { edgesOf, firstFailure, graphTasks, inOrder, rowsOf, treeOf, whyItRan, whyOf } from '../src/run/tree';
import { agoText, bytesText, durationText, numberText } from '../src/words';
import { assert, test } from './harness';

const task = (task_id: string, fields: Partial<TaskStatus> = {}): TaskStatus => ({
  task_id,
  name: task_id,
  state: 'SUCCEEDED',
  ...fields,
});

test('tasks are rows, and parts follow what is open', () => {
  const tree = treeOf([
    task('a'),
    task('loop'),
    task('b', { parent_task_id: 'loop' }),
    task('c', { parent_task_id: 'gone' }),
  ]);
  const names = (open: string[]) => rowsOf(tree, new Set(open)).map(({ task: one, depth }) => `${depth}${one.name}`);
  assert.deepEqual(names([]), ['0a', '0loop', '0c']);
  assert.deepEqual(names(['loop']), ['0a', '0loop', '1b', '0c']);
  assert.deepEqual(
    rowsOf(tree, new Set(), (one) => one.name === 'b').map((row) => row.task.name),
    ['b'],
  );
});

test('the first failure is of a task that holds no other failed one', () => {
  const failed = (id: string, at: string, parent?: string) =>
    task(id, { state: 'FAILED', parent_task_id: parent, attempts: [{ number: 1, attempt_id: id, finished_at: at }] });
  const tree = treeOf([
    failed('group', '2026-01-01T00:00:00Z'),
    failed('late', '2026-01-03T00:00:00Z'),
    failed('inner', '2026-01-02T00:00:00Z', 'group'),
  ]);
  assert.equal(firstFailure(tree)?.name, 'inner');
});

test('why a task is as it is stands in words', () => {
  assert.equal(whyOf(task('t', { state: 'PENDING', wait: { reason: 'X', message: 'Waits for a' } })), 'Waits for a');
  assert.equal(
    whyOf(task('t', { state: 'SKIPPED', skipped_because_of: { task_id: 'a', name: 'a', state: 'FAILED' } })),
    'Skipped, since a failed',
  );
  assert.equal(whyOf(task('t', { state: 'SKIPPED' })), 'Skipped: its condition was false');
  assert.equal(whyOf(task('t', { state: 'FAILED', error: { message: 'bad\nmore' } })), 'bad');
  assert.equal(whyOf(task('t')), '');
});

test('edges are of inputs and of what has to end before', () => {
  const spec = {
    root: { dag: { tasks: { a: {}, sub: { componentRef: { name: 'comp-sub' } } } } },
    components: {
      'comp-sub': {
        dag: {
          tasks: {
            x: {},
            y: { dependentTasks: ['x'], inputs: { artifacts: { in: { taskOutputArtifact: { producerTask: 'z' } } } } },
            z: {},
          },
        },
      },
    },
  };
  assert.deepEqual(Object.keys(graphTasks(spec, [])!), ['a', 'sub']);
  assert.deepEqual(edgesOf(graphTasks(spec, ['sub'])!), [
    { from: 'x', to: 'y' },
    { from: 'z', to: 'y' },
  ]);
  assert.equal(graphTasks(spec, ['a']), undefined);
});

test('tasks stand in the order in which they may run', () => {
  const spec = {
    root: {
      dag: { tasks: { deploy: { dependentTasks: ['train'] }, fetch: {}, train: { dependentTasks: ['fetch'] } } },
    },
  };
  const tree = inOrder(treeOf([task('deploy'), task('fetch'), task('train')]), { pipeline_spec: spec });
  assert.deepEqual(
    tree.children.get('')!.map((one) => one.name),
    ['fetch', 'train', 'deploy'],
  );
});

test('what came from the cache says so', () => {
  const cached = treeOf([task('t', { cache: { result: 'HIT' } })]).byId.get('t')!;
  assert.equal(cached.state, 'CACHED');
  assert.equal(whyOf(cached), 'Taken from the cache');
  assert.equal(
    whyItRan(task('t', { cache: { result: 'MISS', reason: 'FIELD_DIFFERS', field: 'command' } })),
    'Not from the cache: command differs from the nearest one that has',
  );
});

test('lines have the colours of terminals and nothing else of them', () => {
  const style = plainStyle();
  assert.deepEqual(piecesOf('a\x1b[1;31mred\x1b[0m b', style), [
    { text: 'a', classes: '' },
    { text: 'red', classes: 'ansi-bold ansi-f1' },
    { text: ' b', classes: '' },
  ]);
  assert.deepEqual(piecesOf('\x1b[32mgreen', style), [{ text: 'green', classes: 'ansi-f2' }]);
  assert.deepEqual(piecesOf('still', style), [{ text: 'still', classes: 'ansi-f2' }]);
  assert.deepEqual(piecesOf('\x1b[39m10%\r20%\r', plainStyle()), [{ text: '20%', classes: '' }]);
  assert.deepEqual(
    piecesOf('\x1b]0;title\x07text\x1b[2K\x1b[38;2;1;2;3mtrue', plainStyle()).map((piece) => piece.text),
    ['text', 'true'],
  );
  assert.deepEqual(piecesOf('a\u202eb\u0000', plainStyle()), [{ text: 'a⟨202e⟩b⟨0000⟩', classes: '' }]);
});

test('the error of a log is its last traceback, or the last line that says so', () => {
  assert.equal(errorLine(['Traceback (most recent call last)', 'x', 'Traceback (most recent call last)', 'error']), 2);
  assert.equal(errorLine(['fine', 'Error: no', 'fine']), 1);
  assert.equal(errorLine(['fine', 'terrors']), -1);
});

test('words for numbers', () => {
  assert.deepEqual([0, 9.94, 12.4, 60, 185, 7800, 360000].map(durationText), [
    '0.0 s',
    '9.9 s',
    '12 s',
    '1 min',
    '3 min 5 s',
    '2 h 10 min',
    '4 d 4 h',
  ]);
  assert.deepEqual([0, 1023, 1536, 5 * 2 ** 30, '12'].map(bytesText), ['0 B', '1023 B', '1.5 KiB', '5.0 GiB', '12 B']);
  assert.deepEqual([1, 0.1 + 0.2, 'NaN', undefined].map(numberText), ['1', '0.3', 'NaN', '']);
  assert.equal(agoText('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:05:00Z')), '5 min ago');
  assert.equal(agoText('2026-01-01T02:00:00Z', Date.parse('2026-01-01T00:00:00Z')), 'in 2 h');
});

test('addresses are read as they are written', () => {
  const place = placeOf(hrefOf(['runs', 'details', 'a/b%'], { task: 'x?&=', column: ['m.a', 'm.b'], none: undefined }));
  assert.deepEqual(place.path, ['runs', 'details', 'a/b%']);
  assert.equal(place.query.get('task'), 'x?&=');
  assert.deepEqual(place.query.getAll('column'), ['m.a', 'm.b']);
  assert.deepEqual(placeOf('#/runs/%zz').path, ['runs', '%zz']);
});

test('a search says what the filters say', () => {
  const wanted = {
    text: "it's",
    state: 'FAILED' as const,
    query: 'metrics.a > 1',
    experiment: '',
    order: '',
    archived: false,
  };
  assert.equal(filterOf(wanted), "run_name ILIKE '%it''s%' and status = 'FAILED' and metrics.a > 1");
});

test('text is a table only where each line has the same columns', () => {
  assert.deepEqual(tableOf('a,b\n1,"x, ""y"""\n'), [
    ['a', 'b'],
    ['1', 'x, "y"'],
  ]);
  assert.equal(tableOf('a,b\n1\n'), undefined);
  assert.equal(tableOf('only one line, with a comma'), undefined);
  assert.deepEqual(tableOf('a\tb\r\n1\t2\r\n'), [
    ['a', 'b'],
    ['1', '2'],
  ]);
});
