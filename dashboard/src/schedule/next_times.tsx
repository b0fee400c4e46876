// The times at which a schedule is due next: as the reader's clock has them, and as the schedule's if that is another
// one.

import type { PreviewTick } from '../api/schedules';
import { Ago } from '../parts/time';
import { readersZone } from './trigger';

function readersText(at: string, withSeconds: boolean): string {
  return new Date(at).toLocaleString(undefined, {
    weekday: 'short',
    year: 'numeric',
    month: 'short',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: withSeconds ? '2-digit' : undefined,
  });
}

// "2026-11-30T02:30:00+01:00" as "2026-11-30 02:30".
function clockText(local: string, withSeconds: boolean): string {
  return local.slice(0, withSeconds ? 19 : 16).replace('T', ' ');
}

// `timeZone` is that of a cron expression; intervals have none.
export function NextTimes({ ticks, timeZone }: { ticks: PreviewTick[]; timeZone: string | undefined }) {
  if (ticks.length === 0) return <p class="soft">It is not due any more.</p>;
  const withSeconds = ticks.some(({ due_at }) => new Date(due_at).getUTCSeconds() > 0);
  const other = timeZone !== undefined && timeZone !== readersZone();
  return (
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">Your time, {readersZone()}</th>
          {other && <th scope="col">{timeZone}</th>}
          <th scope="col">
            <span class="visually-hidden">From now</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {ticks.map(({ due_at, local_time }) => (
          <tr key={due_at}>
            <td>{readersText(due_at, withSeconds)}</td>
            {other && <td>{clockText(local_time, withSeconds)}</td>}
            <td class="soft">
              <Ago at={due_at} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
