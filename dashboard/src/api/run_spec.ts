// A run with the pipeline that it runs: a run of a version does not hold it itself.

import { call } from './http';
import { getVersion } from './pipelines';
import type { Run } from './types';

// Versions never change. One is enough: a page reads its run again and again.
let last: { id: string; spec: Run['pipeline_spec'] } | undefined;

export async function getRun(runId: string, signal: AbortSignal): Promise<Run> {
  const run = await call<Run>(`/apis/v2beta1/runs/${encodeURIComponent(runId)}`, { signal });
  const { pipeline_id: pipeline, pipeline_version_id: id } = run.pipeline_version_reference ?? {};
  if (run.pipeline_spec || !pipeline || !id) return run;
  if (last?.id !== id) {
    // Gone with its pipeline, perhaps: the run is shown all the same.
    const version = await getVersion(pipeline, id, signal).catch(() => undefined);
    if (version) last = { id, spec: version.pipeline_spec };
  }
  return { ...run, pipeline_spec: last?.id === id ? last.spec : undefined };
}
