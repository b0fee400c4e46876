// What a new run is a clone of: a run or a schedule.

import { call } from '../api/http';
import { getSchedule, type RecurringRun, type Schedule } from '../api/schedules';
import type { Json, Run } from '../api/types';
import { hrefOf } from '../router';

export interface Origin {
  what: 'run' | 'schedule';
  href: string;
  name: string;
  description: string;
  experimentId: string;
  reference?: { pipeline_id: string; pipeline_version_id?: string };
  spec?: { [name: string]: Json }; // as it is stored, where there is no version
  parameters: Record<string, Json>;
  pipelineRoot: string;
  serviceAccount: string;
  plugins: Record<string, Json>;
  schedule?: Schedule;
}

export async function loadOrigin(runId: string, scheduleId: string, signal: AbortSignal): Promise<Origin | undefined> {
  if (runId) {
    const run = await call<Run>(`/apis/v2beta1/runs/${encodeURIComponent(runId)}`, { signal });
    return { what: 'run', href: hrefOf(['runs', 'details', runId]), ...common(run) };
  }
  if (!scheduleId) return undefined;
  const schedule = await getSchedule(scheduleId, signal);
  return {
    what: 'schedule',
    href: hrefOf(['recurringrun', 'details', scheduleId]),
    schedule,
    ...common(schedule.recurring_run),
  };
}

function common(of: Run | RecurringRun) {
  return {
    name: of.display_name,
    description: of.description ?? '',
    experimentId: of.experiment_id,
    reference: of.pipeline_version_reference,
    spec: of.pipeline_version_reference ? undefined : of.pipeline_spec,
    parameters: of.runtime_config?.parameters ?? {},
    pipelineRoot: of.runtime_config?.pipeline_root ?? '',
    serviceAccount: of.service_account ?? '',
    plugins: of.plugins_input ?? {},
  };
}
