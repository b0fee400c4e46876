// What a page says in place of content: that it loads, that the server refused, or what to do next.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Loaded } from '../load';

export function Refused({ error, retry }: { error: Error; retry?: () => void }) {
  return (
    <div class="notice notice-error" role="alert">
      <p class="pre">{error.message}</p>
      {retry && <button onClick={retry}>Try again</button>}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="notice notice-empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Loading() {
  return <div class="loading" role="status" aria-label="Loading" />;
}

// Shows what was loaded as soon as it is there, also while it is loaded again.
export function Show<T>({ of, children }: { of: Loaded<T>; children: (data: T) => ComponentChildren }) {
  if (of.data !== undefined) {
    return (
      <>
        {of.error && <Refused error={of.error} retry={of.reload} />}
        {children(of.data)}
      </>
    );
  }
  if (of.error) return <Refused error={of.error} retry={of.reload} />;
  return <Loading />;
}

// A page that came over plain HTTP from another machine has no clipboard of its own.
async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard)
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  const field = document.createElement('textarea');
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  return done;
}

export function Copy({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    setDone(await copyText(text));
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <button class="quiet" onClick={copy} aria-label={`${label}: ${text.slice(0, 80)}`}>
      {done ? 'Copied' : label}
    </button>
  );
}

export function Command({ text }: { text: string }) {
  return (
    <div class="command">
      <code>{text}</code>
      <Copy text={text} />
    </div>
  );
}
