// Times in the reader's zone: how long ago, with the exact time at hand.

import { useEffect, useState } from 'preact/hooks';
import { agoText, durationText, exactTime, seconds } from '../words';

const TICK_MS = 1000;
const ticking = new Set<() => void>();
let timer = 0;

// The time of this machine, a second fresh while the page can be seen.
export function useNow(active = true): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!active) return undefined;
    const tick = () => setNow(Date.now());
    ticking.add(tick);
    if (ticking.size === 1)
      timer = window.setInterval(() => document.hidden || ticking.forEach((one) => one()), TICK_MS);
    return () => {
      ticking.delete(tick);
      if (ticking.size === 0) clearInterval(timer);
    };
  }, [active]);
  return now;
}

export function Ago({ at }: { at: string | undefined }) {
  const now = useNow(!!at);
  if (!at) return null;
  return (
    <time dateTime={at} title={exactTime(at)}>
      {agoText(at, now)}
    </time>
  );
}

// How long it took, or takes until now.
export function Duration({ from, to }: { from: string | undefined; to: string | undefined }) {
  const now = useNow(!!from && !to);
  if (!from) return null;
  return (
    <span title={`${exactTime(from)} to ${to ? exactTime(to) : 'now'}`}>{durationText(seconds(from, to, now))}</span>
  );
}
