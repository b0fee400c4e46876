// Values as people read them. Pure.

import type { Json } from './api/types';

export function seconds(from: string | undefined, to: string | undefined, now: number): number | undefined {
  if (!from) return undefined;
  const end = to ? Date.parse(to) : now;
  const taken = (end - Date.parse(from)) / 1000;
  return Number.isFinite(taken) ? Math.max(0, taken) : undefined;
}

// "0.4 s", "12 s", "3 min 5 s", "2 h 10 min", "3 d 4 h"
export function durationText(s: number | undefined): string {
  if (s === undefined) return '';
  if (s < 9.95) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

// "now", "5 min ago", "in 2 h"; the day from a week on.
export function agoText(at: string, now: number): string {
  const time = Date.parse(at);
  if (!Number.isFinite(time)) return at;
  const s = Math.round((now - time) / 1000);
  const far = Math.abs(s);
  if (far < 5) return 'now';
  if (far >= 7 * 86400) return new Date(time).toLocaleDateString(undefined, { dateStyle: 'medium' });
  const [amount, unit] =
    far < 60 ? [far, 's'] : far < 3600 ? [far / 60, 'min'] : far < 86400 ? [far / 3600, 'h'] : [far / 86400, 'd'];
  const text = `${Math.floor(amount)} ${unit}`;
  return s < 0 ? `in ${text}` : `${text} ago`;
}

// In the reader's zone, to the millisecond, with the zone.
export function exactTime(at: string): string {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return at;
  return time.toLocaleString(undefined, {
    year: 'numeric',
    month: 'short',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    timeZoneName: 'short',
  });
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytesText(bytes: number | string | undefined): string {
  let size = Number(bytes);
  if (bytes === undefined || !Number.isFinite(size)) return '';
  let unit = 0;
  while (size >= 1024 && unit < BYTE_UNITS.length - 1) {
    size /= 1024;
    ++unit;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

// Six significant digits, without the noise of floating point.
export function numberText(value: number | string | undefined): string {
  if (value === undefined || typeof value === 'string') return value ?? '';
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

// One line: a text as it is, anything else as JSON.
export function valueText(value: Json | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

// For names: "2026-11-29 10:30:05", in the reader's zone.
export function nowText(at = new Date()): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
