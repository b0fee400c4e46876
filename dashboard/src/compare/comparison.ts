// Runs side by side: the parts of the server's answers put together, with defaults of pipelines and differences. Pure.

import type { Json, State } from '../api/types';
import { numberText } from '../words';

// --- What the server answers ---

export interface ComparedRun {
  run_id: string;
  display_name: string;
  state: State;
  created_at: string;
}

interface AnswerRow {
  task?: string;
  key: string;
  values: { value?: string; shortened?: boolean }[];
  differs?: boolean;
}

interface AnswerSection {
  name: string;
  rows?: AnswerRow[];
  for_information?: boolean;
  differing_rows?: number;
  rows_in_all?: number;
}

export interface Answer {
  runs: ComparedRun[];
  sections?: AnswerSection[];
  truncated?: boolean;
}

// --- What is shown ---

export interface Cell {
  text?: string; // absent: the run has no such thing
  shortened?: boolean;
  isDefault?: boolean; // not given: the pipeline's default
}

export interface Row {
  key: string;
  tasks: string[]; // paths; none: of the run
  cells: Cell[]; // one for each run
  differs: boolean;
}

export interface Section {
  name: string;
  rows: Row[];
  rowsInAll: number;
}

export interface Comparison {
  runs: ComparedRun[]; // the baseline first
  sections: Section[];
  truncated: boolean;
}

export const RUNS_MOST = 100;
const RUNS_AT_ONCE = 20; // that the server compares

// The ids of runs to ask for, each time with the baseline, which is the first.
export function chunksOf(ids: string[]): string[][] {
  const [baseline, ...others] = ids;
  const chunks: string[][] = [];
  for (let i = 0; i < others.length; i += RUNS_AT_ONCE - 1)
    chunks.push([baseline!, ...others.slice(i, i + RUNS_AT_ONCE - 1)]);
  return chunks;
}

// A row that an answer has not is the same in all runs of that answer, so as in the baseline.
export function merged(answers: Answer[]): Comparison {
  const runs = answers.flatMap((answer, i) => (i === 0 ? answer.runs : answer.runs.slice(1)));
  const names = [...new Set(answers.flatMap((answer) => (answer.sections ?? []).map(({ name }) => name)))];
  const sections = names.map((name) => {
    const parts = answers.map((answer) => answer.sections?.find((section) => section.name === name));
    const byKey = new Map<string, (AnswerRow | undefined)[]>();
    parts.forEach((part, i) => {
      for (const row of part?.rows ?? []) {
        const key = JSON.stringify([row.task ?? '', row.key]);
        const found = byKey.get(key) ?? new Array<AnswerRow | undefined>(answers.length).fill(undefined);
        found[i] = row;
        byKey.set(key, found);
      }
    });
    const keys = answers.length > 1 ? [...byKey.keys()].sort() : [...byKey.keys()];
    return {
      name,
      rows: keys.map((key) => joined(byKey.get(key)!, answers)),
      rowsInAll: Math.max(0, ...parts.map((part) => part?.rows_in_all ?? 0)),
    };
  });
  return { runs, sections, truncated: answers.some((answer) => answer.truncated === true) };
}

function joined(parts: (AnswerRow | undefined)[], answers: Answer[]): Row {
  const any = parts.find((part) => part !== undefined)!;
  const cellOf = (value: { value?: string; shortened?: boolean } | undefined): Cell => ({
    text: value?.value,
    shortened: value?.shortened,
  });
  const baseline = cellOf(any.values[0]);
  const cells = parts.flatMap((part, i) => {
    const of = part ? part.values.map(cellOf) : answers[i]!.runs.map(() => baseline);
    return i === 0 ? of : of.slice(1);
  });
  return { key: any.key, tasks: any.task ? [any.task] : [], cells, differs: parts.some((part) => part?.differs) };
}

// Rows of several tasks that say the same become one.
export function folded(rows: Row[]): Row[] {
  const byContent = new Map<string, Row>();
  for (const row of rows) {
    const content = JSON.stringify([row.key, row.cells]);
    const same = byContent.get(content);
    if (same) same.tasks = [...same.tasks, ...row.tasks];
    else byContent.set(content, { ...row });
  }
  return [...byContent.values()];
}

// --- Defaults ---

export interface PipelineDefaults {
  defaults: Record<string, Json>;
  given: Record<string, Json>; // by one run of the pipeline
}

type StoredSpec = { root?: { inputDefinitions?: { parameters?: Record<string, { defaultValue?: Json }> } } };

export function defaultsOf(
  spec: { [name: string]: Json } | undefined,
  given: Record<string, Json> = {},
): PipelineDefaults {
  const read = ((spec?.pipeline_spec as { [name: string]: Json } | undefined) ?? spec ?? {}) as StoredSpec;
  const defaults: Record<string, Json> = {};
  for (const [name, { defaultValue }] of Object.entries(read.root?.inputDefinitions?.parameters ?? {})) {
    if (defaultValue !== undefined) defaults[name] = defaultValue;
  }
  return { defaults, given };
}

// `of` has the pipeline of each run, where it is known. Without `all` a parameter that no row is of was given by all
// runs alike or by none; the run whose parameters are known says which.
export function withDefaults(section: Section, of: (PipelineDefaults | undefined)[], all: boolean): Section {
  const defaultOf = (i: number, key: string): Cell => {
    const value = of[i]?.defaults[key];
    return value === undefined ? {} : { text: JSON.stringify(value), isDefault: true };
  };
  const rows: Row[] = [];
  const add = (row: Row) => {
    const differs =
      new Set(row.cells.map(({ text }) => text)).size > 1 ||
      row.cells.some(({ shortened }) => shortened && row.differs);
    if (all || differs) rows.push({ ...row, differs });
  };
  for (const row of section.rows)
    add({ ...row, cells: row.cells.map((cell, i) => (cell.text === undefined ? defaultOf(i, row.key) : cell)) });
  const there = new Set(section.rows.map(({ key }) => key));
  const names = [...new Set(of.flatMap((one) => Object.keys(one?.defaults ?? {})))].filter((name) => !there.has(name));
  for (const name of names) {
    if (!all && of.some((one) => one && name in one.given)) continue;
    add({ key: name, tasks: [], cells: of.map((_, i) => defaultOf(i, name)), differs: false });
  }
  rows.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { ...section, rows, rowsInAll: section.rowsInAll + (all ? names.length : 0) };
}

// --- In words ---

const SHARE_MOST = 10; // past which a share says less than the numbers

// How a number differs from another: "+0.02 (+2.1 %)"; empty if it does not, or one is no number.
export function deltaText(text: string | undefined, baseline: string | undefined): string {
  if (text === undefined || baseline === undefined || text === '' || baseline === '') return '';
  const [value, base] = [Number(text), Number(baseline)];
  const by = value - base;
  if (!Number.isFinite(by) || by === 0) return '';
  const sign = by > 0 ? '+' : '−';
  const part = Math.abs(by / base);
  const share = part > SHARE_MOST ? '' : ` (${sign}${numberText(Number((100 * part).toPrecision(3)))} %)`;
  return `${sign}${numberText(Number(Math.abs(by).toPrecision(4)))}${share}`;
}

// A hash by its beginning: "sha256:633c2fbc947c…, 114 bytes"
export function shortHash(text: string): string {
  return text.replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1…');
}

export function numberShown(text: string): string {
  return text !== '' && Number.isFinite(Number(text)) ? numberText(Number(text)) : text;
}
