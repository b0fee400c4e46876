// Key-values of a user with types, as a form edits them. Pure.

import type { Json } from '../api/types';

export type Kind = 'text' | 'number' | 'yes or no' | 'JSON';

export const KINDS: Kind[] = ['text', 'number', 'yes or no', 'JSON'];

export interface Field {
  key: string;
  kind: Kind;
  text: string;
}

export function fieldOf(key: string, value: Json): Field {
  if (typeof value === 'string') return { key, kind: 'text', text: value };
  if (typeof value === 'number') return { key, kind: 'number', text: String(value) };
  if (typeof value === 'boolean') return { key, kind: 'yes or no', text: String(value) };
  return { key, kind: 'JSON', text: JSON.stringify(value) };
}

// Throws what is wrong with it.
export function valueOf({ key, kind, text }: Field): Json {
  if (kind === 'text') return text;
  if (kind === 'yes or no') return text === 'true';
  if (kind === 'number') {
    const number = Number(text.trim());
    if (!text.trim() || !Number.isFinite(number)) throw new Error(`The value of ${key} is not a number.`);
    return number;
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new Error(`The value of ${key} is not JSON.`);
  }
}

export interface Change {
  set: Record<string, Json>;
  remove: string[];
}

// What has to be told to the server so that the values become those of the fields. Throws what is wrong with one.
export function changeOf(before: Record<string, Json>, fields: Field[]): Change {
  const after = new Map<string, Json>();
  for (const field of fields) {
    const key = field.key.trim();
    if (!key && !field.text) continue;
    if (!key) throw new Error('A value has no name.');
    if (after.has(key)) throw new Error(`Two values are named ${key}.`);
    after.set(key, valueOf({ ...field, key }));
  }
  const set: Record<string, Json> = {};
  for (const [key, value] of after) {
    if (!Object.hasOwn(before, key) || JSON.stringify(before[key]) !== JSON.stringify(value)) {
      Object.defineProperty(set, key, { value, enumerable: true });
    }
  }
  return { set, remove: Object.keys(before).filter((key) => !after.has(key)) };
}
