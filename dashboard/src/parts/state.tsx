// States by shape and colour, so that neither is needed alone.

import type { State } from '../api/types';

interface Look {
  word: string;
  shape: string; // path in a box of 16
  fill?: boolean;
}

const CIRCLE = 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z';

const LOOKS: Record<string, Look> = {
  PENDING: { word: 'Pending', shape: `${CIRCLE}M8 4.5V8.5L10.5 10` },
  RUNNING: { word: 'Running', shape: 'M8 1.5a6.5 6.5 0 1 0 6.5 6.5' },
  SUCCEEDED: { word: 'Succeeded', shape: `${CIRCLE}M5 8.3l2.2 2.2L11.2 6` },
  FAILED: { word: 'Failed', shape: 'M8 1.5L14.8 13.8H1.2zM8 6v3.6M8 11.4v.6' },
  SKIPPED: { word: 'Skipped', shape: 'M3 3.5l5 4.5l-5 4.5zM9 3.5l5 4.5l-5 4.5z' },
  CANCELED: { word: 'Canceled', shape: `${CIRCLE}M3.6 3.6L12.4 12.4` },
  CANCELING: { word: 'Canceling', shape: `${CIRCLE}M5.5 5.5h5v5h-5z` },
  CACHED: { word: 'From the cache', shape: 'M9.2 1L3.5 9h4L6.8 15l5.7-8h-4z' },
};

export function stateWord(state: State | undefined): string {
  return LOOKS[state ?? '']?.word ?? 'Unknown';
}

export function StateIcon({ state, title = true }: { state: State | undefined; title?: boolean }) {
  const look = LOOKS[state ?? ''] ?? { word: 'Unknown', shape: CIRCLE };
  return (
    <svg
      class={`state state-${(state ?? 'unknown').toLowerCase()}`}
      viewBox="0 0 16 16"
      width="16"
      height="16"
      role="img"
      aria-label={title ? look.word : undefined}
      aria-hidden={!title}
    >
      {title && <title>{look.word}</title>}
      <path d={look.shape} />
    </svg>
  );
}

export function StateLabel({ state }: { state: State | undefined }) {
  return (
    <span class="state-label">
      <StateIcon state={state} title={false} /> {stateWord(state)}
    </span>
  );
}

const ENDED = ['SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELED', 'CACHED'];

export function hasEnded(state: State | undefined): boolean {
  return ENDED.includes(state ?? '');
}
