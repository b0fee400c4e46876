// The search of runs: docs/METADATA.md has its language. Pure, but for the calls.

import { call } from './http';
import type { FoundRun, State } from './types';

// Texts stand in quotes, which are doubled within.
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

// Upper and lower case are the same. What LIKE would read as any text stays: it finds more, never less.
export function nameHas(text: string): string {
  return `run_name ILIKE ${quoted(`%${text}%`)}`;
}

export interface RunsWanted {
  text: string;
  state: State | '';
  query: string; // in the language, as the reader wrote it
  experiment: string;
  order: string; // "metrics.loss ASC"; empty: the latest start first
  archived: boolean;
}

export interface RunsPage {
  runs: FoundRun[];
  next: string;
}

export function filterOf(wanted: RunsWanted): string {
  const parts = [];
  if (wanted.text.trim()) parts.push(nameHas(wanted.text.trim()));
  if (wanted.state) parts.push(`status = ${quoted(wanted.state)}`);
  if (wanted.query.trim()) parts.push(wanted.query.trim());
  return parts.join(' and ');
}

export const MATCHING = 10_000; // runs that are acted on at once

// Ids of all that match. Refuses more than MATCHING.
export async function matchingRuns(wanted: RunsWanted): Promise<string[]> {
  const ids: string[] = [];
  let token = '';
  do {
    const page = await searchRuns(wanted, 1000, token);
    ids.push(...page.runs.map((run) => run.run_id));
    token = page.next;
    if (ids.length > MATCHING)
      throw new Error(`More than ${MATCHING} runs match: filter them further, by time for example.`);
  } while (token);
  return ids;
}

export async function searchRuns(
  wanted: RunsWanted,
  size: number,
  token: string,
  signal?: AbortSignal,
): Promise<RunsPage> {
  const answer = await call<{ runs?: FoundRun[]; next_page_token?: string }>('/apis/penstock/v1/runs:search', {
    signal,
    body: {
      filter: filterOf(wanted),
      experiment_ids: wanted.experiment ? [wanted.experiment] : [],
      order_by: wanted.order ? [wanted.order] : [],
      include_archived: wanted.archived,
      page_size: size,
      page_token: token,
    },
  });
  return { runs: answer.runs ?? [], next: answer.next_page_token ?? '' };
}
