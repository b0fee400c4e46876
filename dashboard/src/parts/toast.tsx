// A word on what an action came to, in a corner, for a while. What a page cannot show otherwise is told here, never in
// a window of the browser.

import { useEffect, useState } from 'preact/hooks';

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

const SHOWN_MS = 6000;
let lastId = 0;
let push: ((toast: Toast) => void) | undefined;

export function tell(text: string): void {
  push?.({ id: ++lastId, text, bad: false });
}

export function tellError(error: unknown): void {
  push?.({ id: ++lastId, text: error instanceof Error ? error.message : String(error), bad: true });
}

export function Toasts() {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const drop = (id: number) => setToasts((old) => old.filter((one) => one.id !== id));
  useEffect(() => {
    push = (toast) => {
      setToasts((old) => [...old.slice(-4), toast]);
      if (!toast.bad) setTimeout(() => drop(toast.id), SHOWN_MS);
    };
    return () => {
      push = undefined;
    };
  }, []);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, text, bad }) => (
        <div key={id} class={bad ? 'toast toast-bad' : 'toast'}>
          <span class="pre grow">{text}</span>
          <button class="quiet" aria-label="Close" onClick={() => drop(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
