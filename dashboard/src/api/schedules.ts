// Calls about schedules, which the API calls recurring runs.

import { call } from './http';
import type { ApiStatus, Json, Run } from './types';

export interface Trigger {
  cron_schedule?: { cron?: string; start_time?: string; end_time?: string };
  periodic_schedule?: { interval_second?: string; start_time?: string; end_time?: string };
}

export interface RecurringRun {
  recurring_run_id: string;
  display_name: string;
  description?: string;
  pipeline_spec?: { [name: string]: Json };
  pipeline_version_reference?: { pipeline_id: string; pipeline_version_id?: string };
  runtime_config?: { parameters?: Record<string, Json>; pipeline_root?: string };
  service_account?: string;
  max_concurrency?: string;
  trigger?: Trigger;
  created_at: string;
  updated_at?: string;
  status: 'ENABLED' | 'DISABLED';
  error?: ApiStatus;
  no_catchup?: boolean;
  experiment_id: string;
  plugins_input?: Record<string, Json>;
}

export interface Schedule {
  recurring_run: RecurringRun;
  time_zone: string;
  next_due_at?: string;
  run_count?: string;
  most_runs_an_hour?: string;
}

export interface PreviewTick {
  due_at: string;
  local_time: string;
}

export interface Preview {
  ticks?: PreviewTick[];
  time_zone: string;
  most_runs_an_hour?: string;
}

export type Decision = 'FIRED' | 'CAUGHT_UP' | 'OVERLAPPED' | 'SKIPPED' | 'REFUSED';

export interface ScheduleTick {
  due_at: string;
  decision: Decision;
  reason?: string;
  message?: string;
  run_id?: string;
  run_index?: string;
  decided_at?: string;
  slot_count?: string;
  last_due_at?: string;
}

const PAGE = 50;
const OF_KFP = '/apis/v2beta1/recurringruns';
const OF_PENSTOCK = '/apis/penstock/v1/recurringruns';

const at = (base: string, id: string, more = '') => `${base}/${encodeURIComponent(id)}${more}`;

export async function listSchedules(filter: string, order: string, token: string, signal: AbortSignal) {
  const answer = await call<{ recurringRuns?: RecurringRun[]; next_page_token?: string }>(OF_KFP, {
    signal,
    query: { filter, sort_by: order, page_size: PAGE, page_token: token },
  });
  return { rows: answer.recurringRuns ?? [], next: answer.next_page_token ?? '' };
}

export function getSchedule(id: string, signal: AbortSignal): Promise<Schedule> {
  return call(at(OF_PENSTOCK, id), { signal });
}

export async function listTicks(id: string, token: string, signal: AbortSignal, size = PAGE) {
  const answer = await call<{ ticks?: ScheduleTick[]; next_page_token?: string }>(at(OF_PENSTOCK, id, '/ticks'), {
    signal,
    query: { page_size: size, page_token: token },
  });
  return { rows: answer.ticks ?? [], next: answer.next_page_token ?? '' };
}

export async function listRunsOf(id: string, token: string, signal: AbortSignal) {
  const answer = await call<{ runs?: Run[]; next_page_token?: string }>('/apis/v2beta1/runs', {
    signal,
    query: {
      filter: JSON.stringify({ predicates: [{ key: 'recurring_run_id', operation: 'EQUALS', string_value: id }] }),
      sort_by: 'created_at desc',
      page_size: PAGE,
      page_token: token,
    },
  });
  return { rows: answer.runs ?? [], next: answer.next_page_token ?? '' };
}

export function previewOf(id: string, count: number, signal: AbortSignal): Promise<Preview> {
  return call(at(OF_PENSTOCK, id, ':preview'), { signal, query: { count } });
}

// Of a trigger that is not stored.
export function previewTrigger(
  trigger: Trigger,
  timeZone: string,
  count: number,
  signal: AbortSignal,
): Promise<Preview> {
  return call(`${OF_PENSTOCK}:preview`, { signal, body: { trigger, time_zone: timeZone, count } });
}

export interface TriggerQuery {
  timeZone?: string; // of cron expressions only
  force: boolean; // more runs an hour than the server allows by itself
}

const queryOf = ({ timeZone, force }: TriggerQuery) => ({ time_zone: timeZone, force: force || undefined });

export function createSchedule(body: object, query: TriggerQuery): Promise<Schedule> {
  return call(OF_PENSTOCK, { body, query: queryOf(query) });
}

// Changes the fields that the body has.
export function updateSchedule(id: string, body: object, query: TriggerQuery): Promise<Schedule> {
  return call(at(OF_PENSTOCK, id), { method: 'PATCH', body, query: queryOf(query) });
}

export function setEnabled(id: string, enabled: boolean): Promise<unknown> {
  return call(at(OF_KFP, id, enabled ? ':enable' : ':disable'), { method: 'POST' });
}

export function deleteSchedule(id: string): Promise<unknown> {
  return call(at(OF_KFP, id), { method: 'DELETE' });
}
