// What the form of a new run computes without a browser.

import { assert, test } from './harness';
import {
  filledOf,
  inputsOf,
  notGiven,
  readField,
  readForm,
  textOf,
  type Input,
  type InputType,
} from '../src/form/inputs';
import { cloneName } from '../src/form/names';
import { placed } from '../src/form/refusal';
import { bodyOf, checkFields, fieldsOf, scheduleBodyOf } from '../src/form/request';

const input = (type: InputType, more: Partial<Input> = {}): Input => ({
  name: 'x',
  type,
  schema: '',
  required: false,
  hasDefault: false,
  literals: [],
  description: '',
  ...more,
});
const read = (type: InputType, text: string, more?: Partial<Input>) =>
  readField(input(type, more), { text, given: true });

test('numbers', () => {
  assert.deepEqual(read('integer', ' 7 '), { value: 7 });
  assert.deepEqual(read('integer', '1e3'), { value: 1000 });
  assert.ok(read('integer', '1.5').error);
  assert.ok(read('integer', '0x10').error);
  assert.ok(/9007199254740991/.test(read('integer', '9007199254740993').error!));
  assert.deepEqual(read('number', '-.5'), { value: -0.5 });
  assert.ok(read('number', '1e999').error);
  assert.ok(read('number', 'NaN').error);
});

test('lists and objects say what is wrong with them', () => {
  assert.deepEqual(read('list', '[1, "a"]'), { value: [1, 'a'] });
  assert.equal(read('list', '{}').error, 'It has to be a list such as [1, 2], and is an object.');
  assert.equal(read('object', 'null').error, 'It has to be an object such as {"key": 1}, and is null.');
  assert.ok(/double quotes/.test(read('list', "['a']").error!));
  assert.ok(/true, false and null/.test(read('list', '[True]').error!));
  assert.ok(/no comma/.test(read('list', '[1, ]').error!));
});

test('artifacts', () => {
  assert.deepEqual(read('artifact', '12'), { value: '12' });
  assert.deepEqual(read('artifact', '{"uri": "s3://a/b"}'), { value: { uri: 's3://a/b' } });
  assert.deepEqual(read('artifacts', 's3://a\n 7 \n\n'), { value: ['s3://a', '7'] });
  assert.deepEqual(read('artifacts', textOf(input('artifacts'), ['a', 'b'])), { value: ['a', 'b'] });
});

test('what is not given is not sent, and an empty text is', () => {
  assert.deepEqual(readField(input('text'), { text: '', given: false }), {});
  assert.deepEqual(read('text', ''), { value: '' });
  assert.ok(readField(input('text', { required: true }), { text: '', given: false }).error);
  assert.ok(read('text', 'c', { literals: ['a', 'b'] }).error);
  assert.deepEqual(notGiven(input('list', { hasDefault: true, defaultValue: [1] })), {
    text: '[\n  1\n]',
    given: false,
  });
});

test('what is written wins over what the run was given, which wins over defaults', () => {
  const inputs = inputsOf({
    root: {
      inputDefinitions: {
        parameters: {
          a: { parameterType: 'NUMBER_INTEGER', defaultValue: 1 },
          b: { parameterType: 'NUMBER_INTEGER', defaultValue: 2 },
          c: { parameterType: 'NUMBER_INTEGER', defaultValue: 3 },
          d: { parameterType: 'NUMBER_INTEGER', defaultValue: 4 },
        },
      },
    },
  });
  const form = filledOf(
    inputs,
    { a: 10, b: 20, c: 30 },
    { a: { text: '100', given: true }, b: { text: '', given: false } },
  );
  assert.deepEqual(readForm(inputs, form), { parameters: { a: 100, c: 30 }, errors: {} });
});

test('refusals stand beside the fields that they name', () => {
  const found = placed(
    "the parameter 'a' (STRING) is required and missing; the parameter 'b' is a STRING: found a text (\"x; y\"); " +
      "the pipeline has no parameter 'z'; known: 'a'",
    ['a', 'b'],
  );
  assert.deepEqual(Object.keys(found.fields), ['input:a', 'input:b']);
  assert.equal(found.fields['input:b'], 'The parameter \'b\' is a STRING: found a text ("x; y")');
  assert.equal(found.rest, "The pipeline has no parameter 'z'; known: 'a'");
  const fieldOf = (message: string) => Object.keys(placed(message, []).fields)[0];
  assert.equal(fieldOf('Experiment nope not found'), 'experiment');
  assert.equal(fieldOf("'Mars' is not a time zone of this server"), 'timeZone');
  assert.equal(fieldOf('recurring_run.max_concurrency is 0'), 'maxConcurrency');
  assert.equal(fieldOf('something else'), undefined);
});

test('names of clones', () => {
  assert.deepEqual(['a', 'Clone of a', 'Clone (2) of a'].map(cloneName), [
    'Clone of a',
    'Clone (2) of a',
    'Clone (3) of a',
  ]);
});

test('the cache of a clone is that of the run, and other plugins stay', () => {
  const origin = {
    what: 'run' as const,
    href: '',
    name: 'n',
    description: '',
    experimentId: 'e',
    parameters: {},
    pipelineRoot: '',
    serviceAccount: '',
    plugins: { penstock_cache: { max_age_s: 60 }, other: { a: 1 } },
  };
  const fields = fieldsOf(origin);
  assert.equal(fields.cache, 'age');
  const body = (cache: 'server' | 'off' | 'age') =>
    bodyOf({ ...fields, cache }, 'n', 'e', {}, {}, origin).plugins_input;
  assert.deepEqual(body('age'), { other: { a: 1 }, penstock_cache: { max_age_s: 60 } });
  assert.deepEqual(body('off'), { other: { a: 1 }, penstock_cache: { enabled: false } });
  assert.deepEqual(body('server'), { other: { a: 1 } });
  assert.deepEqual(Object.keys(checkFields({ ...fields, maxAge: '0', maxConcurrency: '11' }, true)), [
    'cache',
    'maxConcurrency',
  ]);
  assert.deepEqual(scheduleBodyOf(fields), { max_concurrency: '1', no_catchup: false, mode: 'ENABLE' });
});
