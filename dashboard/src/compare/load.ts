// Reads what a comparison is made of.

import { call } from '../api/http';
import { getRun } from '../api/run_spec';
import { quoted } from '../api/search';
import type { FoundRun } from '../api/types';
import { eachOf } from '../parallel';
import {
  chunksOf,
  defaultsOf,
  merged,
  withDefaults,
  type Answer,
  type Comparison,
  type PipelineDefaults,
} from './comparison';

const CALLS_AT_ONCE = 4;
export const RERUN_TAG = 'penstock.rerun_of';

export interface Compared extends Comparison {
  rerunOf: Map<string, string>; // the run that a run does again
}

// Pipelines by the hash that the comparison tells; each is read of one run.
async function defaultsOfRuns(comparison: Comparison, signal: AbortSignal): Promise<(PipelineDefaults | undefined)[]> {
  const hashes = comparison.sections
    .find(({ name }) => name === 'run')
    ?.rows.find(({ key }) => key === 'spec sha256')?.cells;
  const hashOf = (i: number) => hashes?.[i]?.text ?? '';
  const one = new Map(comparison.runs.map((run, i) => [hashOf(i), run.run_id]).reverse() as [string, string][]);
  const read = await eachOf([...one], CALLS_AT_ONCE, async ([hash, runId]) => {
    const run = await getRun(runId, signal);
    return [hash, defaultsOf(run.pipeline_spec, run.runtime_config?.parameters)] as const;
  });
  const byHash = new Map(read);
  return comparison.runs.map((_, i) => byHash.get(hashOf(i)));
}

async function rerunsAmong(ids: string[], signal: AbortSignal): Promise<Map<string, string>> {
  const answer = await call<{ runs?: FoundRun[] }>('/apis/penstock/v1/runs:search', {
    signal,
    body: { filter: `run_id IN (${ids.map(quoted).join(', ')})`, include_archived: true, page_size: ids.length },
  });
  return new Map(
    (answer.runs ?? []).flatMap((run) => (run.tags?.[RERUN_TAG] ? [[run.run_id, run.tags[RERUN_TAG]]] : [])),
  );
}

export async function compareRuns(ids: string[], all: boolean, signal: AbortSignal): Promise<Compared> {
  const answers = await eachOf(chunksOf(ids), CALLS_AT_ONCE, (chunk) =>
    call<Answer>('/apis/penstock/v1/runs:compare', { signal, query: { run_ids: chunk, all } }),
  );
  const comparison = merged(answers);
  const [defaults, rerunOf] = await Promise.all([defaultsOfRuns(comparison, signal), rerunsAmong(ids, signal)]);
  const sections = comparison.sections.map((section) =>
    section.name === 'parameters' ? withDefaults(section, defaults, all) : section,
  );
  return { ...comparison, sections, rerunOf };
}
