// JSON as YAML that people read: a text of several lines stands as such, so that the source code in a pipeline can be
// read and compared line by line. It can be uploaded as a package again. Pure.

import type { Json } from '../api/types';

const STEP = '  ';
const PLAIN = /^[A-Za-z_][\w./@+-]*( [\w./@+()-]+)*$/;
const WORDS = /^(true|false|yes|no|on|off|y|n|null|nan|inf)$/i; // that YAML does not take as texts
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff\ud800-\udfff]/u;

function isPlain(text: string): boolean {
  return PLAIN.test(text) && !WORDS.test(text);
}

function scalar(value: string | number | boolean | null, indent: string): string {
  if (typeof value !== 'string') return JSON.stringify(value).replace(/^(-?\d+)e/, '$1.0e');
  if (value.includes('\n') && !UNSEEN.test(value) && /\S/.test(value)) return block(value, indent);
  return isPlain(value) ? value : JSON.stringify(value);
}

// "|" keeps the text as it is; "-" says that no line ends it, "+" that more than one does.
function block(text: string, indent: string): string {
  const end = text.endsWith('\n\n') || text === '\n' ? '+' : text.endsWith('\n') ? '' : '-';
  const lines = text.split('\n');
  if (text.endsWith('\n')) lines.pop();
  const first = lines.find((line) => line !== '') ?? '';
  const deep = first.startsWith(' ') || lines[0] === '' ? String(STEP.length) : '';
  return `|${deep}${end}\n${lines.map((line) => (line === '' ? '' : indent + line)).join('\n')}`;
}

function isNested(value: Json): value is Json[] | { [name: string]: Json } {
  return value !== null && typeof value === 'object' && Object.keys(value).length > 0;
}

function write(value: Json, indent: string, out: string[]): void {
  if (Array.isArray(value)) {
    for (const item of value) {
      if (isNested(item)) {
        const inner: string[] = [];
        write(item, indent + STEP, inner);
        out.push(`${indent}- ${inner[0]!.slice(indent.length + STEP.length)}`, ...inner.slice(1));
      } else out.push(`${indent}- ${leaf(item, indent + STEP)}`);
    }
    return;
  }
  // By name, so that two pipelines with the same content have the same text.
  const names = Object.keys(value as object).sort();
  for (const name of names) {
    const inner = (value as { [name: string]: Json })[name]!;
    const key = isPlain(name) ? name : JSON.stringify(name);
    if (isNested(inner)) {
      out.push(`${indent}${key}:`);
      write(inner, indent + STEP, out);
    } else out.push(`${indent}${key}: ${leaf(inner, indent + STEP)}`);
  }
}

function leaf(value: Json, indent: string): string {
  if (Array.isArray(value)) return '[]';
  if (value !== null && typeof value === 'object') return '{}';
  return scalar(value, indent);
}

export function yamlOf(value: Json): string {
  if (!isNested(value)) return `${leaf(value, STEP)}\n`;
  const out: string[] = [];
  write(value, '', out);
  return `${out.join('\n')}\n`;
}

// A stored pipeline as a package: its settings of platforms, if it has some, are a document of their own.
export function packageOf(stored: { [name: string]: Json }): string {
  const { pipeline_spec: spec, platform_spec: platform } = stored;
  if (spec === undefined) return yamlOf(stored);
  return platform === undefined ? yamlOf(spec) : `${yamlOf(spec)}---\n${yamlOf(platform)}`;
}
