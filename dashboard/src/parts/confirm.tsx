// A button for what cannot be undone: it asks in its own place before anything happens.

import { useEffect, useRef, useState } from 'preact/hooks';
import { tellError } from './toast';

interface Props {
  title: string; // of the button
  question: string;
  act: () => Promise<unknown>;
  danger?: boolean;
}

export function Confirm({ title, question, act, danger = true }: Props) {
  const [asks, setAsks] = useState(false);
  const [busy, setBusy] = useState(false);
  const cancel = useRef<HTMLButtonElement>(null);
  const first = useRef<HTMLButtonElement>(null);
  const asked = useRef(false);
  useEffect(() => {
    if (asks) cancel.current!.focus();
    else if (asked.current) first.current?.focus();
    asked.current = asks;
  }, [asks]);
  const perform = async () => {
    setBusy(true);
    await act().catch(tellError);
    setBusy(false);
    setAsks(false);
  };
  const look = danger ? 'danger' : undefined;
  if (!asks) {
    return (
      <button ref={first} class={look} onClick={() => setAsks(true)}>
        {title}
      </button>
    );
  }
  return (
    <span
      class="row asks"
      role="group"
      aria-label={question}
      onKeyDown={(event) => event.key === 'Escape' && (event.stopPropagation(), setAsks(false))}
    >
      <span>{question}</span>
      <button class={look} disabled={busy} onClick={perform}>
        {title}
      </button>
      <button ref={cancel} class="quiet" disabled={busy} onClick={() => setAsks(false)}>
        Cancel
      </button>
    </span>
  );
}
