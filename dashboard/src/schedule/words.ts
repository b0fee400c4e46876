// Schedules in words. Pure.

import type { Decision, ScheduleTick, Trigger } from '../api/schedules';
import { cronOf, unitOf } from './trigger';

const NICKNAMES: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const MONTHS = [
  '',
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

const isAny = (field: string) => field === '*' || field === '?';
const isNumber = (field: string) => /^\d+$/.test(field);
const stepOf = (field: string) => /^(?:\*|0)\/(\d+)$/.exec(field)?.[1];

function listText(words: string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

// "1-5" as "Monday to Friday", "mon,wed" as "Monday and Wednesday"; nothing for what has no simple words.
function namesText(field: string, names: string[]): string | undefined {
  const short = (name: string) => name.slice(0, 3).toLowerCase();
  const nameOf = (text: string) =>
    isNumber(text) ? names[Number(text)] : names.find((name) => name !== '' && short(name) === text.toLowerCase());
  const words = field.split(',').map((part) => {
    const [from, to, ...more] = part.split('-').map(nameOf);
    if (!from || more.length > 0 || (part.includes('-') && !to)) return undefined;
    return to ? `${from} to ${to}` : from;
  });
  return words.every((word) => word) ? listText(words as string[]) : undefined;
}

const two = (text: string) => text.padStart(2, '0');

function timeText(minute: string, hour: string): string | undefined {
  const minutes = stepOf(minute) ?? (isAny(minute) ? '1' : undefined);
  if (minutes && isAny(hour)) return minutes === '1' ? 'Every minute' : `Every ${minutes} minutes`;
  if (!isNumber(minute)) return undefined;
  if (isAny(hour)) return minute === '0' ? 'Every hour' : `Every hour at minute ${minute}`;
  const hours = stepOf(hour);
  if (hours) return `Every ${hours} hours${minute === '0' ? '' : ` at minute ${minute}`}`;
  const listed = hour.split(',');
  return listed.every(isNumber) ? `At ${listText(listed.map((one) => `${two(one)}:${two(minute)}`))}` : undefined;
}

function dayText(day: string, month: string, weekday: string): string | undefined {
  const months = isAny(month) ? '' : namesText(month, MONTHS);
  if (months === undefined || (!isAny(day) && !isAny(weekday))) return undefined;
  const within = months ? ` in ${months}` : '';
  if (!isAny(weekday)) {
    const names = namesText(weekday, DAYS);
    return names && ` on ${names}${within}`;
  }
  if (isAny(day)) return within;
  const days = day.split(',');
  if (!days.every(isNumber)) return undefined;
  return ` on day ${listText(days)}${months ? ` of ${months}` : ' of each month'}`;
}

// Of an expression that has no simple words, the expression.
export function cronText(cron: string): string {
  const expression = NICKNAMES[cron.toLowerCase()] ?? cron;
  const fields = expression.split(/\s+/).filter(Boolean);
  const [second, minute, hour, day, month, weekday] = fields.length === 5 ? ['0', ...fields] : fields;
  if (fields.length < 5 || fields.length > 6 || second !== '0') return `By cron ${cron}`;
  const time = timeText(minute!, hour!);
  const days = dayText(day!, month!, weekday!);
  if (time === undefined || days === undefined) return `By cron ${cron}`;
  return time.startsWith('At') && days === '' ? `${time} every day` : time + days;
}

export function intervalText(seconds: number): string {
  const { amount, unit } = unitOf(seconds);
  return amount === 1 ? `Every ${unit}` : `Every ${amount} ${unit}s`;
}

// When it is due, and in which zone that is if it matters.
export function triggerParts(trigger: Trigger | undefined): { due: string; zone: string } {
  if (trigger?.periodic_schedule)
    return { due: intervalText(Number(trigger.periodic_schedule.interval_second ?? 0)), zone: '' };
  const stored = trigger?.cron_schedule?.cron;
  if (!stored) return { due: 'Once', zone: '' };
  const { cron, timeZone } = cronOf(stored);
  return { due: cronText(cron), zone: timeZone ?? 'UTC' };
}

export function triggerText(trigger: Trigger | undefined): string {
  const { due, zone } = triggerParts(trigger);
  return zone ? `${due}, ${zone}` : due;
}

const DECISIONS: Record<Decision, string> = {
  FIRED: 'Started',
  CAUGHT_UP: 'Started late',
  OVERLAPPED: 'Waits',
  SKIPPED: 'Passed over',
  REFUSED: 'Refused',
};

export function decisionText(decision: Decision | undefined): string {
  return DECISIONS[decision ?? 'FIRED'] ?? String(decision);
}

const REASONS: Record<string, string> = {
  DUE: 'In time',
  LATE: 'It was due while the server was off or the schedule was not there or disabled',
  WAITED: 'It waited for an earlier run to end',
  MAX_CONCURRENCY: 'As many of its runs are active as may be',
  NO_CATCHUP: 'It was missed, and what is missed is not made up for',
  TRIGGER_CHANGED: 'The trigger was changed before it came to it',
  NO_EXPERIMENT: 'Its experiment is gone',
  NO_PIPELINE: 'Its pipeline or the version is gone',
  PIPELINE_REFUSED: 'The pipeline cannot be run',
  PARAMETERS: 'The pipeline does not take its parameters',
};

// Why a slot came to what it did: in the server's own words if it has some.
export function reasonText({ reason, message }: ScheduleTick): string {
  const known = REASONS[reason ?? ''] ?? reason ?? '';
  return message ? (known && !message.startsWith(known) ? `${known}: ${message}` : message) : known;
}
