// Pieces of both pages of schedules.

import { useState } from 'preact/hooks';
import { setEnabled, type RecurringRun, type ScheduleTick } from '../api/schedules';
import { tell, tellError } from '../parts/toast';
import { decisionText } from './words';

// An icon of a box of 16, in the colours of states.
const LOOKS: Record<string, { shape: string; state: string }> = {
  FIRED: { shape: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13zM5 8.3l2.2 2.2L11.2 6', state: 'succeeded' },
  CAUGHT_UP: { shape: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13zM8 4.5V8.5L10.5 10', state: 'succeeded' },
  OVERLAPPED: { shape: 'M4.5 2h7M4.5 14h7M5.5 2v2.5L8 8l2.5-3.5V2M5.5 14v-2.5L8 8l2.5 3.5V14', state: 'pending' },
  SKIPPED: { shape: 'M3 3.5l5 4.5l-5 4.5zM9 3.5l5 4.5l-5 4.5z', state: 'skipped' },
  REFUSED: { shape: 'M8 1.5L14.8 13.8H1.2zM8 6v3.6M8 11.4v.6', state: 'failed' },
};

export function DecisionLabel({ tick }: { tick: ScheduleTick }) {
  const look = LOOKS[tick.decision];
  return (
    <span class="state-label">
      {look && (
        <svg class={`state state-${look.state}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <path d={look.shape} />
        </svg>
      )}{' '}
      {decisionText(tick.decision)}
    </span>
  );
}

// A switch: what it says is what is.
export function EnabledSwitch({ schedule, done }: { schedule: RecurringRun; done: () => void }) {
  const [busy, setBusy] = useState(false);
  const enabled = schedule.status === 'ENABLED';
  const toggle = async () => {
    setBusy(true);
    try {
      await setEnabled(schedule.recurring_run_id, !enabled);
      tell(`${schedule.display_name} is ${enabled ? 'disabled' : 'enabled'}.`);
      done();
    } catch (error) {
      tellError(error);
    }
    setBusy(false);
  };
  return (
    <button
      class="switch"
      role="switch"
      aria-checked={enabled}
      disabled={busy}
      onClick={toggle}
      aria-label={`Enabled: ${schedule.display_name}`}
    >
      <span class="switch-knob" aria-hidden="true" /> {enabled ? 'Enabled' : 'Disabled'}
    </button>
  );
}
