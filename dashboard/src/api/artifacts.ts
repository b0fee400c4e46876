// Calls about artifacts of all runs. Pure, but for the calls.

import type { ArtifactSummary, Lineage, TaskSummary } from '../artifact/lineage';
import type { Page } from '../paged';
import { call } from './http';
import type { ArtifactOfTask } from './types';

const PAGE = 50;

export interface ListedArtifact extends ArtifactOfTask {
  number_value?: number | string; // of a metric
}

export interface ArtifactsWanted {
  text: string;
  type: string; // system.Model
  run: string;
  order: string; // "created_at desc"
}

export function filterOf({ text, type, run }: ArtifactsWanted): string {
  const predicates: object[] = [];
  if (text.trim()) predicates.push({ key: 'name', operation: 'IS_SUBSTRING', string_value: text.trim() });
  if (type) predicates.push({ key: 'type', operation: 'EQUALS', string_value: type });
  if (run) predicates.push({ key: 'run_id', operation: 'EQUALS', string_value: run });
  return predicates.length > 0 ? JSON.stringify({ predicates }) : '';
}

export async function listArtifacts(
  wanted: ArtifactsWanted,
  token: string,
  signal: AbortSignal,
): Promise<Page<ListedArtifact>> {
  const answer = await call<{ artifacts?: ListedArtifact[]; next_page_token?: string; total_size?: number }>(
    '/apis/v2beta1/artifacts',
    {
      signal,
      query: { filter: filterOf(wanted), sort_by: wanted.order, page_size: PAGE, page_token: token },
    },
  );
  return { rows: answer.artifacts ?? [], next: answer.next_page_token ?? '', total: answer.total_size };
}

export interface Made {
  artifact: ArtifactSummary;
  by?: TaskSummary; // the task that made it
}

// What v2beta1 does not tell: size, hash, and who made it.
export async function howMade(id: string, signal: AbortSignal): Promise<Made> {
  const path = `/apis/penstock/v1/artifacts/${encodeURIComponent(id)}/lineage`;
  const { artifacts, tasks, edges } = await call<Lineage>(path, { signal, query: { direction: 'UP', max_tasks: 1 } });
  const output = edges?.find((edge) => edge.is_output && edge.artifact_id === artifacts![0]!.artifact_id);
  return {
    artifact: artifacts![0]!,
    by: tasks?.find((task) => task.run_id === output?.run_id && task.task_id === output?.task_id),
  };
}
