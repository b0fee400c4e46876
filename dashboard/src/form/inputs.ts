// The inputs of a pipeline as fields of a form: texts that people write, and the values that the API takes. Pure.

import type { Json } from '../api/types';
import type { Spec } from '../run/tree';

export type InputType = 'integer' | 'number' | 'boolean' | 'text' | 'list' | 'object' | 'artifact' | 'artifacts';

export interface Input {
  name: string;
  type: InputType;
  schema: string; // of an artifact: "Dataset"
  required: boolean;
  hasDefault: boolean;
  defaultValue?: Json;
  literals: Json[]; // the only values, if there are any
  description: string;
}

// What stands in a field. Not given: the default holds, or nothing is passed on.
export interface Filled {
  text: string;
  given: boolean;
}

export type Form = Record<string, Filled>;

const TYPES: Record<string, InputType> = {
  NUMBER_INTEGER: 'integer',
  INT: 'integer',
  NUMBER_DOUBLE: 'number',
  DOUBLE: 'number',
  BOOLEAN: 'boolean',
  STRING: 'text',
  LIST: 'list',
  STRUCT: 'object',
};

export const TYPE_WORDS: Record<InputType, string> = {
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  text: 'text',
  list: 'list, as JSON',
  object: 'object, as JSON',
  artifact: 'artifact',
  artifacts: 'artifacts',
};

// Required ones first, each by name.
export function inputsOf(spec: Spec): Input[] {
  const { parameters, artifacts } = spec.root?.inputDefinitions ?? {};
  const inputs: Input[] = [];
  for (const [name, of] of Object.entries(parameters ?? {})) {
    const type = TYPES[String(of.parameterType ?? of.type ?? '')] ?? 'text';
    inputs.push({
      name,
      type,
      schema: '',
      required: of.isOptional !== true && of.defaultValue === undefined,
      hasDefault: of.defaultValue !== undefined,
      defaultValue: of.defaultValue,
      literals: Array.isArray(of.literals) ? of.literals : [],
      description: typeof of.description === 'string' ? of.description : '',
    });
  }
  for (const [name, of] of Object.entries(artifacts ?? {})) {
    const schema = (of.artifactType as { schemaTitle?: string } | undefined)?.schemaTitle ?? '';
    inputs.push({
      name,
      type: of.isArtifactList === true ? 'artifacts' : 'artifact',
      schema: schema.replace(/^system\./, ''),
      required: of.isOptional !== true,
      hasDefault: false,
      literals: [],
      description: typeof of.description === 'string' ? of.description : '',
    });
  }
  return inputs.sort((a, b) => Number(b.required) - Number(a.required) || (a.name < b.name ? -1 : 1));
}

// A value as it is written in the field.
export function textOf({ type }: Pick<Input, 'type'>, value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (type === 'list' || type === 'object') return JSON.stringify(value, null, 2);
  if (type === 'artifacts' && Array.isArray(value) && value.every((one) => typeof one === 'string'))
    return value.join('\n');
  if (typeof value === 'object') return JSON.stringify(value, null, 2);
  return String(value);
}

export function notGiven(input: Input): Filled {
  return { text: input.hasDefault ? textOf(input, input.defaultValue) : '', given: false };
}

// The fields of a pipeline, filled with what another run was given and, where the reader has written something already,
// with that.
export function filledOf(inputs: Input[], given: Record<string, Json>, written: Form = {}): Form {
  const form: Form = {};
  for (const input of inputs) {
    const old = written[input.name];
    const value = given[input.name];
    if (old) form[input.name] = old.given ? old : notGiven(input);
    else if (value !== undefined && value !== null) form[input.name] = { text: textOf(input, value), given: true };
    else form[input.name] = notGiven(input);
  }
  return form;
}

export interface Read {
  value?: Json; // absent: it is not sent
  error?: string;
}

export function readField(input: Input, { text, given }: Filled): Read {
  if (!given) return input.required ? { error: 'It is required.' } : {};
  if (input.type === 'text') return literal(input, text);
  const trimmed = text.trim();
  if (trimmed === '')
    return input.required ? { error: 'It is required.' } : { error: 'It is empty. Leave it out, or write a value.' };
  switch (input.type) {
    case 'integer':
    case 'number':
      return literal(input, numberOf(trimmed, input.type));
    case 'boolean':
      return trimmed === 'true' || trimmed === 'false'
        ? literal(input, trimmed === 'true')
        : { error: 'It has to be true or false.' };
    case 'list':
    case 'object':
      return jsonOf(trimmed, input.type);
    default:
      return artifactOf(trimmed, input.type === 'artifacts');
  }
}

function literal({ literals }: Input, value: Json | Read): Read {
  if (value !== null && typeof value === 'object' && 'error' in value) return value as Read;
  const text = JSON.stringify(value);
  if (literals.length > 0 && !literals.some((one) => JSON.stringify(one) === text)) {
    return { error: `It has to be one of ${literals.map((one) => JSON.stringify(one)).join(', ')}.` };
  }
  return { value: value as Json };
}

function numberOf(text: string, type: 'integer' | 'number'): Json | Read {
  const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN;
  if (Number.isNaN(value))
    return { error: type === 'integer' ? 'It has to be a whole number.' : 'It has to be a number.' };
  if (!Number.isFinite(value)) return { error: 'It is too large for a number.' };
  if (type === 'integer' && !Number.isInteger(value)) return { error: 'It has to be a whole number.' };
  if (type === 'integer' && !Number.isSafeInteger(value))
    return { error: 'It is too large: whole numbers go up to 9007199254740991.' };
  return value;
}

export function jsonOf(text: string, type: 'list' | 'object'): Read {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    return { error: jsonError(text, (error as Error).message) };
  }
  const isList = Array.isArray(value);
  const isObject = !isList && value !== null && typeof value === 'object';
  const found = value === null ? 'null' : isList ? 'a list' : isObject ? 'an object' : `a ${typeof value}`;
  if (type === 'list' && !isList) return { error: `It has to be a list such as [1, 2], and is ${found}.` };
  if (type === 'object' && !isObject) return { error: `It has to be an object such as {"key": 1}, and is ${found}.` };
  return { value };
}

// Where it is, as far as the browser says it: each says it in another way, and not always.
function placeOf(text: string, message: string): string {
  const lines = /line (\d+) column (\d+)/.exec(message);
  if (lines) return `, at line ${lines[1]}, column ${lines[2]}`;
  if (/end of (JSON|data)/i.test(message)) return ', as it breaks off at its end';
  const offset = /position (\d+)/.exec(message)?.[1];
  if (offset === undefined) return '';
  const before = text.slice(0, Number(offset)).split('\n');
  return `, at line ${before.length}, column ${before.at(-1)!.length + 1}`;
}

// What people write who think in Python.
function jsonError(text: string, message: string): string {
  const where = placeOf(text, message);
  if (/'[^']*'\s*:|[[{,]\s*'/.test(text)) return `It is not JSON${where}: texts stand in double quotes.`;
  if (/\b(True|False|None)\b/.test(text)) return `It is not JSON${where}: write true, false and null.`;
  if (/,\s*[\]}]/.test(text)) return `It is not JSON${where}: no comma may stand before a closing bracket.`;
  return `It is not JSON${where}.`;
}

// The id of an artifact, a URI, an absolute path, or JSON; several: one a line, or a list.
function artifactOf(text: string, several: boolean): Read {
  if (/^[[{]/.test(text)) {
    try {
      return { value: JSON.parse(text) as Json };
    } catch (error) {
      return { error: jsonError(text, (error as Error).message) };
    }
  }
  if (!several) return { value: text };
  return {
    value: text
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean),
  };
}

export interface AllRead {
  parameters: Record<string, Json>;
  errors: Record<string, string>; // by the name of the input
}

export function readForm(inputs: Input[], form: Form): AllRead {
  const all: AllRead = { parameters: {}, errors: {} };
  for (const input of inputs) {
    const { value, error } = readField(input, form[input.name] ?? notGiven(input));
    if (error) all.errors[input.name] = error;
    else if (value !== undefined) all.parameters[input.name] = value;
  }
  return all;
}
