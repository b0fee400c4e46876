// Calls about experiments. Pure, but for the calls.

import type { Page } from '../paged';
import { call } from './http';
import type { Experiment } from './types';

const PATH = '/apis/v2beta1/experiments';
const PAGE = 50;

export interface ExperimentsWanted {
  text: string;
  archived: boolean;
  order: string; // "name asc"
}

export function filterOf({ text, archived }: ExperimentsWanted): string {
  const predicates: object[] = [
    { key: 'storage_state', operation: 'EQUALS', string_value: archived ? 'ARCHIVED' : 'AVAILABLE' },
  ];
  if (text.trim()) predicates.push({ key: 'name', operation: 'IS_SUBSTRING', string_value: text.trim() });
  return JSON.stringify({ predicates });
}

export async function listExperiments(
  wanted: ExperimentsWanted,
  token: string,
  signal: AbortSignal,
): Promise<Page<Experiment>> {
  const answer = await call<{ experiments?: Experiment[]; next_page_token?: string; total_size?: number }>(PATH, {
    signal,
    query: { filter: filterOf(wanted), sort_by: wanted.order, page_size: PAGE, page_token: token },
  });
  return { rows: answer.experiments ?? [], next: answer.next_page_token ?? '', total: answer.total_size };
}

export function createExperiment(name: string, description: string): Promise<Experiment> {
  return call(PATH, { body: { display_name: name, description } });
}

export async function setArchived(id: string, archived: boolean): Promise<void> {
  await call(`${PATH}/${encodeURIComponent(id)}:${archived ? 'archive' : 'unarchive'}`, { method: 'POST' });
}

// The server gives the epoch where there was no run.
export function lastRunOf(experiment: Experiment): string | undefined {
  const at = experiment.last_run_created_at;
  return at && Date.parse(at) > 0 ? at : undefined;
}
