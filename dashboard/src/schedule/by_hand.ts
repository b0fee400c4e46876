// A run of a schedule that is started by hand. Pure.

import type { RecurringRun } from '../api/schedules';
import type { Json } from '../api/types';

// The server replaces what stands for the slot only in runs that the schedule starts itself. The slot of this one is
// now, and it has no number.
export function withoutSlot(value: Json): Json {
  if (typeof value === 'string') {
    return value
      .replaceAll('[[Index]]', '0')
      .replace(/\[\[ScheduledTime(?=\]\]|\.)/g, '[[CurrentTime')
      .replaceAll('{{$.scheduledTime.', '{{$.currentTime.');
  }
  if (Array.isArray(value)) return value.map(withoutSlot);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutSlot(inner)]));
}

// It is one of the schedule's runs, and counts as one of those that may be active.
export function runByHand(of: RecurringRun, name: string) {
  const parameters = withoutSlot(of.runtime_config?.parameters ?? {});
  return {
    display_name: name,
    description: of.description,
    experiment_id: of.experiment_id,
    recurring_run_id: of.recurring_run_id,
    pipeline_version_reference: of.pipeline_version_reference,
    pipeline_spec: of.pipeline_version_reference ? undefined : of.pipeline_spec,
    runtime_config: { ...of.runtime_config, parameters },
    service_account: of.service_account,
    plugins_input: of.plugins_input,
  };
}
