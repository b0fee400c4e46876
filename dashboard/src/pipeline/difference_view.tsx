// What is new in a version against another one: in words first, then line by line.

import { useMemo, useState } from 'preact/hooks';
import type { Json } from '../api/types';
import { specOf } from '../run/tree';
import { plural } from '../words';
import { differenceOf, NEED, type Aspect, type Change } from './difference';
import { hunksOf, linesOf, type Hunk } from './lines';
import { packageOf } from './yaml';

type Stored = { [name: string]: Json } | undefined; // as the API gives it

const SIGNS = { added: '+', removed: '−', changed: '≠' };
const VALUE_LETTERS = 300;
const CHANGES_AT_FIRST = 200;
const LINES_AT_FIRST = 1500;

export function DifferenceView({ before, after }: { before: Stored; after: Stored }) {
  const found = useMemo(
    () => differenceOf(specOf({ pipeline_spec: before }), specOf({ pipeline_spec: after })),
    [before, after],
  );
  const hunks = useMemo(() => hunksOf(linesOf(packageOf(before ?? {}), packageOf(after ?? {}))), [before, after]);
  if (hunks.length === 0) return <p class="notice-empty">Both versions are the same.</p>;
  const none = found.inputs.length + found.outputs.length + found.tasks.length === 0;
  return (
    <div class="panel-body" tabIndex={0} role="region" aria-label="Differences">
      {none && <p class="soft">Inputs, outputs and tasks are the same; what differs is below.</p>}
      <Changes title="Inputs" changes={found.inputs} />
      <Changes title="Outputs" changes={found.outputs} />
      <Changes title="Tasks" changes={found.tasks} />
      <h2>Lines</h2>
      <Hunks hunks={hunks} />
    </div>
  );
}

function Changes({ title, changes }: { title: string; changes: Change[] }) {
  const [all, setAll] = useState(false);
  if (changes.length === 0) return null;
  const count = (kind: Change['kind']) => changes.filter((one) => one.kind === kind).length;
  const counts = (['added', 'removed', 'changed'] as const)
    .filter((kind) => count(kind) > 0)
    .map((kind) => `${count(kind)} ${kind}`);
  return (
    <section aria-label={title}>
      <h2>
        {title} <span class="soft small">{counts.join(', ')}</span>
      </h2>
      <ul class="changes">
        {(all ? changes : changes.slice(0, CHANGES_AT_FIRST)).map((change) => (
          <li key={change.name} class={`change-${change.kind}`}>
            <span class="sign" aria-hidden="true">
              {SIGNS[change.kind]}
            </span>
            <span>
              <strong>{change.name}</strong> <span class="soft">{change.kind}</span>
              {change.kind !== 'changed' && <WholeText change={change} />}
              {change.kind === 'changed' &&
                change.aspects.map((aspect) => <AspectText key={aspect.what} aspect={aspect} />)}
            </span>
          </li>
        ))}
      </ul>
      {!all && changes.length > CHANGES_AT_FIRST && (
        <button onClick={() => setAll(true)}>Show all {changes.length}</button>
      )}
    </section>
  );
}

function WholeText({ change }: { change: Change }) {
  const text = change.aspects
    .map(({ what, before, after }) => `${what === NEED ? '' : `${what}: `}${before ?? after}`)
    .join('; ');
  return <span class="soft small"> {text.slice(0, VALUE_LETTERS)}</span>;
}

function AspectText({ aspect: { what, before, after } }: { aspect: Aspect }) {
  if (what === 'program') return <div class="soft">The program is another one: see the lines below.</div>;
  const shown = (text: string | undefined) => {
    if (text === undefined) return <span class="soft">none</span>;
    if (text === '') return <span class="soft">an empty text</span>;
    return <code>{text.length > VALUE_LETTERS ? `${text.slice(0, VALUE_LETTERS)}…` : text}</code>;
  };
  return (
    <div class="aspect">
      <span class="soft">{what}:</span> {shown(before)} <span aria-hidden="true">→</span>
      <span class="visually-hidden">is now</span> {shown(after)}
    </div>
  );
}

const SIGN_WORDS = { ' ': '', '-': 'removed', '+': 'added' };

function firstOf(hunks: Hunk[]): Hunk[] {
  const first: Hunk[] = [];
  let left = LINES_AT_FIRST;
  for (const { lines } of hunks) {
    if (left <= 0) break;
    first.push({ lines: lines.slice(0, left) });
    left -= lines.length;
  }
  return first;
}

function Hunks({ hunks }: { hunks: Hunk[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? hunks : firstOf(hunks);
  const count = (some: Hunk[]) => some.reduce((sum, { lines }) => sum + lines.length, 0);
  const more = count(hunks) - count(shown);
  return (
    <>
      {shown.map(({ lines }) => (
        <table key={`${lines[0]!.before} ${lines[0]!.after}`} class="diff mono">
          <caption class="visually-hidden">From line {lines[0]!.after ?? lines[0]!.before}</caption>
          <colgroup>
            <col class="number" />
            <col class="number" />
            <col class="sign" />
            <col />
          </colgroup>
          <tbody>
            {lines.map(({ sign, text, before, after }) => (
              <tr
                key={`${before} ${after}`}
                class={sign === '+' ? 'diff-added' : sign === '-' ? 'diff-removed' : undefined}
              >
                <td class="number">{before}</td>
                <td class="number">{after}</td>
                <td class="sign">
                  <span aria-hidden="true">{sign}</span>
                  <span class="visually-hidden">{SIGN_WORDS[sign]}</span>
                </td>
                <td class="pre">{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ))}
      {more > 0 && <button onClick={() => setAll(true)}>Show {plural(more, 'more line')}</button>}
    </>
  );
}
