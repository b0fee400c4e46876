// A value of a parameter: short ones in place, long ones folded.

import type { Json } from '../api/types';
import { valueText } from '../words';
import { Copy } from './notice';

const SHORT = 120;

export function Value({ value }: { value: Json | undefined }) {
  const text = valueText(value);
  if (text.length <= SHORT && !text.includes('\n')) return <code>{text}</code>;
  const whole = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return (
    <details>
      <summary class="mono">{text.slice(0, SHORT)}…</summary>
      <Copy text={whole} />
      <pre class="mono">{whole}</pre>
    </details>
  );
}

export function Values({ of, empty }: { of: [name: string, value: Json | undefined][]; empty?: string }) {
  if (of.length === 0) return empty ? <p class="soft">{empty}</p> : null;
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>
            <Value value={value} />
          </dd>
        </>
      ))}
    </dl>
  );
}
