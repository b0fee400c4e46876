// What the pages of schedules compute without a browser.

import { assert, test } from './harness';
import { withoutSlot } from '../src/schedule/by_hand';
import { draftOf, emptyDraft, fieldOf, triggerOf, unitOf } from '../src/schedule/trigger';
import { cronText, intervalText, reasonText, triggerText } from '../src/schedule/words';

test('cron expressions in words', () => {
  const cases: [cron: string, words: string][] = [
    ['* * * * *', 'Every minute'],
    ['*/5 * * * *', 'Every 5 minutes'],
    ['0 * * * *', 'Every hour'],
    ['15 * * * *', 'Every hour at minute 15'],
    ['0 */6 * * *', 'Every 6 hours'],
    ['30 2 * * *', 'At 02:30 every day'],
    ['0 9,17 * * 1-5', 'At 09:00 and 17:00 on Monday to Friday'],
    ['0 0 1 * *', 'At 00:00 on day 1 of each month'],
    ['0 0 1,15 1 *', 'At 00:00 on day 1 and 15 of January'],
    ['@daily', 'At 00:00 every day'],
    ['0 30 2 * * *', 'At 02:30 every day'],
    ['0 2 ? * MON', 'At 02:00 on Monday'],
    ['0 2 * * 7', 'At 02:00 on Sunday'],
    // What these words cannot say is left as it is.
    ['10 * * * * *', 'By cron 10 * * * * *'],
    ['0 2 1 * 1', 'By cron 0 2 1 * 1'],
    ['0 2 * * 1-', 'By cron 0 2 * * 1-'],
    ['x', 'By cron x'],
  ];
  for (const [cron, words] of cases) assert.equal(cronText(cron), words);
});

test('intervals in words', () => {
  assert.deepEqual([1, 90, 3600, 5400, 172800].map(intervalText), [
    'Every second',
    'Every 90 seconds',
    'Every hour',
    'Every 90 minutes',
    'Every 2 days',
  ]);
  assert.deepEqual(unitOf(0), { amount: 0, unit: 'second' });
});

test('triggers in words have the zone of cron expressions', () => {
  assert.equal(
    triggerText({ cron_schedule: { cron: 'CRON_TZ=Asia/Tokyo 0 9 * * *' } }),
    'At 09:00 every day, Asia/Tokyo',
  );
  assert.equal(triggerText({ cron_schedule: { cron: '0 9 * * *' } }), 'At 09:00 every day, UTC');
  assert.equal(triggerText({ periodic_schedule: { interval_second: '60' } }), 'Every minute');
  assert.equal(triggerText(undefined), 'Once');
});

test('a trigger becomes the same again', () => {
  const cron = { cron_schedule: { cron: '0 9 * * *', start_time: '2026-07-01T00:00:00.000Z', end_time: undefined } };
  assert.deepEqual(
    triggerOf(draftOf({ cron_schedule: { ...cron.cron_schedule, cron: 'CRON_TZ=Asia/Tokyo 0 9 * * *' } }, 'UTC')),
    { trigger: cron, timeZone: 'Asia/Tokyo', errors: {} },
  );
  const periodic = { periodic_schedule: { interval_second: '5400', start_time: undefined, end_time: undefined } };
  assert.deepEqual(triggerOf(draftOf(periodic, 'UTC')), { trigger: periodic, errors: {} });
});

test('a zone that the expression names is not named twice', () => {
  assert.equal(
    triggerOf({ ...emptyDraft(), cron: 'CRON_TZ=UTC 0 9 * * *', timeZone: 'Asia/Tokyo' }).timeZone,
    undefined,
  );
});

test('what cannot be a trigger', () => {
  const errors = (changes: object) => Object.keys(triggerOf({ ...emptyDraft(), ...changes }).errors);
  assert.deepEqual(errors({ cron: ' ' }), ['cron']);
  assert.deepEqual(errors({ kind: 'interval', amount: '0' }), ['interval']);
  assert.deepEqual(errors({ kind: 'interval', amount: '0.5', unit: 'second' }), ['interval']);
  assert.deepEqual(errors({ kind: 'interval', amount: '0.5', unit: 'hour' }), []);
  assert.deepEqual(errors({ start: '2026-02-01T00:00', end: '2026-01-01T00:00' }), ['end']);
});

test('times of fields', () => {
  assert.equal(new Date(fieldOf('2026-07-01T12:34:56Z')).toISOString(), '2026-07-01T12:34:56.000Z');
  assert.equal(fieldOf(undefined), '');
});

test('reasons in words', () => {
  const tick = { due_at: '', decision: 'REFUSED' as const };
  assert.equal(reasonText({ ...tick, reason: 'DUE' }), 'In time');
  assert.equal(
    reasonText({ ...tick, reason: 'PARAMETERS', message: 'x is missing' }),
    'The pipeline does not take its parameters: x is missing',
  );
  assert.equal(reasonText({ ...tick, reason: 'NEW_ONE' }), 'NEW_ONE');
});

test('a run by hand has no slot', () => {
  const given = {
    a: ['[[ScheduledTime]] [[ScheduledTime.2006]] [[ScheduledTimes]] [[Index]]'],
    b: "{{$.scheduledTime.strftime('%Y')}}",
    c: 1,
  };
  assert.deepEqual(withoutSlot(given), {
    a: ['[[CurrentTime]] [[CurrentTime.2006]] [[ScheduledTimes]] 0'],
    b: "{{$.currentTime.strftime('%Y')}}",
    c: 1,
  });
});
