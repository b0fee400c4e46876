// When a schedule is due, as fields of a form and as the API has it. Pure.

import type { Trigger } from '../api/schedules';

export type Unit = 'second' | 'minute' | 'hour' | 'day';

export const UNIT_SECONDS: Record<Unit, number> = { second: 1, minute: 60, hour: 3600, day: 86400 };

export interface Draft {
  kind: 'cron' | 'interval';
  cron: string;
  timeZone: string; // of the cron expression
  amount: string;
  unit: Unit;
  start: string; // of a field of date and time, in the reader's zone; empty: none
  end: string;
  force: boolean; // as many runs as the trigger says, however many they are
}

export function readersZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

export function emptyDraft(): Draft {
  return {
    kind: 'cron',
    cron: '0 2 * * *',
    timeZone: readersZone(),
    amount: '1',
    unit: 'hour',
    start: '',
    end: '',
    force: false,
  };
}

const ZONE = /^(?:CRON_)?TZ=(\S+)\s+/;

export function cronOf(stored: string): { cron: string; timeZone?: string } {
  const zone = ZONE.exec(stored);
  return { cron: stored.replace(ZONE, ''), timeZone: zone?.[1] };
}

// The largest unit of which the seconds are a whole number.
export function unitOf(seconds: number): { amount: number; unit: Unit } {
  const unit =
    (['day', 'hour', 'minute'] as const).find((one) => seconds > 0 && seconds % UNIT_SECONDS[one] === 0) ?? 'second';
  return { amount: seconds / UNIT_SECONDS[unit], unit };
}

export function draftOf(trigger: Trigger | undefined, timeZone: string): Draft {
  const draft = emptyDraft();
  const of = trigger?.cron_schedule ?? trigger?.periodic_schedule;
  draft.start = fieldOf(of?.start_time);
  draft.end = fieldOf(of?.end_time);
  if (trigger?.periodic_schedule) {
    const { amount, unit } = unitOf(Number(trigger.periodic_schedule.interval_second ?? 0));
    return { ...draft, kind: 'interval', amount: String(amount), unit };
  }
  if (!trigger?.cron_schedule) return draft;
  const { cron, timeZone: named } = cronOf(trigger.cron_schedule.cron ?? '');
  return { ...draft, cron, timeZone: named ?? timeZone };
}

// "2026-11-29T10:30:00Z" as a field of date and time has it.
export function fieldOf(at: string | undefined): string {
  const time = new Date(at ?? '');
  if (Number.isNaN(time.getTime())) return '';
  return new Date(time.getTime() - time.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

function timeOf(field: string): string | undefined {
  const time = new Date(field);
  return field && !Number.isNaN(time.getTime()) ? time.toISOString() : undefined;
}

export interface TriggerRead {
  trigger?: Trigger;
  timeZone?: string;
  errors: Record<string, string>; // by field
}

export function triggerOf(draft: Draft): TriggerRead {
  const errors: Record<string, string> = {};
  const between = { start_time: timeOf(draft.start), end_time: timeOf(draft.end) };
  if (between.start_time && between.end_time && between.end_time < between.start_time)
    errors.end = 'It ends before it starts.';
  if (draft.kind === 'interval') {
    const seconds = Number(draft.amount) * UNIT_SECONDS[draft.unit];
    if (!draft.amount.trim() || !Number.isInteger(seconds) || seconds < 1)
      errors.interval = 'It has to be a whole number of seconds, at least 1.';
    return { trigger: { periodic_schedule: { interval_second: String(seconds), ...between } }, errors };
  }
  const cron = draft.cron.trim();
  if (!cron) errors.cron = 'It is required.';
  // A zone in the expression counts; naming it twice is refused.
  const timeZone = ZONE.test(`${cron} `) ? undefined : draft.timeZone.trim() || undefined;
  return { trigger: { cron_schedule: { cron, ...between } }, timeZone, errors };
}

export const PRESETS: [title: string, cron: string][] = [
  ['Every hour', '0 * * * *'],
  ['Every day', '0 2 * * *'],
  ['Every working day', '0 2 * * 1-5'],
  ['Every week', '0 2 * * 1'],
  ['Every month', '0 2 1 * *'],
];
