// What a form for a run or a schedule holds besides the inputs, and the request that it makes. Pure.

import type { Json } from '../api/types';
import { durationText } from '../words';
import type { Origin } from './origin';

export interface Fields {
  name: string | undefined; // undefined: the one that is made up
  description: string;
  pipelineRoot: string;
  serviceAccount: string;
  cache: 'server' | 'off' | 'age'; // what the server and the pipeline say, none, or none that is older
  maxAge: string; // seconds
  // Of schedules:
  maxConcurrency: string;
  catchUp: boolean;
  enabled: boolean;
}

const CACHE = 'penstock_cache'; // the plugin's name

export function fieldsOf(origin: Origin | undefined): Fields {
  const cache = origin?.plugins[CACHE] as { enabled?: boolean; max_age_s?: number } | undefined;
  const recurring = origin?.schedule?.recurring_run;
  return {
    name: undefined,
    description: origin?.description ?? '',
    pipelineRoot: origin?.pipelineRoot ?? '',
    serviceAccount: origin?.serviceAccount ?? '',
    cache: cache?.enabled === false ? 'off' : cache?.max_age_s !== undefined ? 'age' : 'server',
    maxAge: String(cache?.max_age_s ?? 86400),
    maxConcurrency: recurring?.max_concurrency ?? '1',
    catchUp: recurring?.no_catchup !== true,
    enabled: true,
  };
}

export function ageText(maxAge: string): string {
  return /^\d+$/.test(maxAge.trim()) ? durationText(Math.max(10, Number(maxAge))) : '';
}

export function checkFields(fields: Fields, recurring: boolean): Record<string, string> {
  const errors: Record<string, string> = {};
  const whole = (text: string) => /^\d+$/.test(text.trim()) && Number(text) >= 1;
  if (fields.cache === 'age' && !whole(fields.maxAge))
    errors.cache = 'It has to be a whole number of seconds, at least 1.';
  const most = Number(fields.maxConcurrency);
  if (recurring && !(whole(fields.maxConcurrency) && most <= 10))
    errors.maxConcurrency = 'It has to be a number from 1 to 10.';
  return errors;
}

export interface Source {
  reference?: { pipeline_id: string; pipeline_version_id?: string };
  spec?: { [name: string]: Json };
}

function pluginsOf(fields: Fields, others: Record<string, Json>): Record<string, Json> | undefined {
  const plugins = { ...others };
  delete plugins[CACHE];
  if (fields.cache === 'off') plugins[CACHE] = { enabled: false };
  if (fields.cache === 'age') plugins[CACHE] = { max_age_s: Number(fields.maxAge) };
  return Object.keys(plugins).length > 0 ? plugins : undefined;
}

// What runs and schedules have in common.
export function bodyOf(
  fields: Fields,
  name: string,
  experimentId: string,
  source: Source,
  parameters: Record<string, Json>,
  origin: Origin | undefined,
) {
  return {
    display_name: name,
    description: fields.description,
    experiment_id: experimentId,
    pipeline_version_reference: source.reference,
    pipeline_spec: source.reference ? undefined : source.spec,
    runtime_config: { parameters, pipeline_root: fields.pipelineRoot.trim() },
    service_account: fields.serviceAccount.trim(),
    plugins_input: pluginsOf(fields, origin?.plugins ?? {}),
  };
}

export function scheduleBodyOf(fields: Fields) {
  return {
    max_concurrency: fields.maxConcurrency.trim(),
    no_catchup: !fields.catchUp,
    mode: fields.enabled ? 'ENABLE' : 'DISABLE',
  };
}
