// What can be done to runs that are selected: said first, done when it is confirmed.

import { useState } from 'preact/hooks';
import { call } from '../api/http';
import { hrefOf } from '../router';
import { plural } from '../words';
import { useKeys } from './palette';
import { tellError } from './toast';

type Action = 'ARCHIVE' | 'UNARCHIVE' | 'TERMINATE' | 'DELETE';

interface Applied {
  changed?: string | number;
  unchanged?: string | number;
  failed?: string | number;
  failures?: { run_id: string; message: string }[];
}

const WORDS: Record<Action, { title: string; done: string; undo?: Action }> = {
  ARCHIVE: { title: 'Archive', done: 'archived', undo: 'UNARCHIVE' },
  UNARCHIVE: { title: 'Restore', done: 'restored', undo: 'ARCHIVE' },
  TERMINATE: { title: 'Terminate', done: 'terminated' },
  DELETE: { title: 'Delete', done: 'deleted' },
};

function filterOf(ids: string[]): string {
  return JSON.stringify({ predicates: [{ key: 'run_id', operation: 'IN', string_values: { values: ids } }] });
}

const IDS_AT_ONCE = 1000; // that a filter may name
const COMPARED = 100;

// One call after the other, so that what was done is known when one of them fails.
async function apply(action: Action, ids: string[], dryRun: boolean): Promise<Applied> {
  const sum = { changed: 0, unchanged: 0, failed: 0 };
  const failures: Applied['failures'] = [];
  for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
    const filter = filterOf(ids.slice(at, at + IDS_AT_ONCE));
    let part: Applied;
    try {
      part = await call<Applied>('/apis/penstock/v1/runs:apply', { body: { action, filter, dry_run: dryRun } });
    } catch (error) {
      if (at === 0 || dryRun) throw error;
      throw new Error(`${(error as Error).message} Before that ${plural(sum.changed, 'run')} were changed.`);
    }
    sum.changed += Number(part.changed ?? 0);
    sum.unchanged += Number(part.unchanged ?? 0);
    sum.failed += Number(part.failed ?? 0);
    failures.push(...(part.failures ?? []).slice(0, 10 - Math.min(10, failures.length)));
  }
  return { ...sum, failures };
}

interface Step {
  action: Action;
  ids: string[];
  would?: Applied;
  done?: Applied;
  error?: string;
  busy?: boolean;
}

interface Props {
  selected: ReadonlySet<string>;
  select: (ids: ReadonlySet<string>) => void;
  done: () => void;
  matching: () => Promise<string[]>; // ids of all runs that the list would come to
}

export function RunActions({ selected, select, done, matching }: Props) {
  const [step, setStep] = useState<Step>();
  const [looking, setLooking] = useState(false);
  const clear = () => select(new Set());
  const selectAll = () => {
    setLooking(true);
    matching()
      .then((ids) => select(new Set(ids)), tellError)
      .finally(() => setLooking(false));
  };
  const ids = [...selected];
  const begin = async (action: Action, which: string[]) => {
    const next: Step = { action, ids: which };
    try {
      setStep({ ...next, would: await apply(action, which, true) });
    } catch (error) {
      setStep({ ...next, error: (error as Error).message });
    }
  };
  const finish = async (of: Step) => {
    setStep({ ...of, busy: true });
    try {
      const applied = await apply(of.action, of.ids, false);
      setStep({ ...of, done: applied, busy: false });
      clear();
      done();
    } catch (error) {
      setStep({ ...of, error: (error as Error).message, busy: false });
    }
  };
  useKeys({ Escape: () => (step ? setStep(undefined) : clear()) });

  if (step)
    return (
      <Confirm
        step={step}
        finish={finish}
        undo={(action) => finish({ action, ids: step.ids })}
        close={() => setStep(undefined)}
      />
    );
  const all = (
    <button class="quiet" disabled={looking} onClick={selectAll}>
      {looking ? 'Looking for all …' : 'Select all that match'}
    </button>
  );
  if (ids.length === 0)
    return <span class="soft small">Select runs to compare, archive, terminate or delete them. {all}</span>;
  return (
    <div class="row">
      <span>{plural(ids.length, 'run')} selected</span>
      {ids.length >= 2 && ids.length <= COMPARED && (
        <a class="primary" href={hrefOf(['compare'], { runlist: ids.join(',') })}>
          Compare
        </a>
      )}
      {(Object.keys(WORDS) as Action[]).map((action) => (
        <button key={action} class={action === 'DELETE' ? 'danger' : undefined} onClick={() => begin(action, ids)}>
          {WORDS[action].title}
        </button>
      ))}
      {all}
      <button class="quiet" onClick={clear}>
        Clear
      </button>
    </div>
  );
}

function Confirm({
  step,
  finish,
  undo,
  close,
}: {
  step: Step;
  finish: (step: Step) => void;
  undo: (action: Action) => void;
  close: () => void;
}) {
  const { title, done, undo: reverse } = WORDS[step.action];
  if (step.error) {
    return (
      <div class="row bad" role="alert">
        {step.error} <button onClick={close}>Close</button>
      </div>
    );
  }
  const told = step.done ?? step.would;
  const changed = Number(told?.changed ?? 0);
  const failures = told?.failures ?? [];
  const failed = Number(told?.failed ?? 0);
  return (
    <div class="row" role="status">
      {step.done ? `${plural(changed, 'run')} ${done}.` : `${title} ${plural(changed, 'run')}?`}
      {Number(told?.unchanged ?? 0) > 0 && <span class="soft">{told!.unchanged} need no change.</span>}
      {failures.length > 0 && (
        <span class="bad" title={failures.map((one) => `${one.run_id}: ${one.message}`).join('\n')}>
          {plural(failed, 'run')} cannot be: {failures[0]!.message}
        </span>
      )}
      {!step.done && (
        <button
          class={step.action === 'DELETE' ? 'danger' : 'primary'}
          disabled={step.busy || changed === 0}
          onClick={() => finish(step)}
        >
          {title}
        </button>
      )}
      {step.done && reverse && changed > 0 && <button onClick={() => undo(reverse)}>Undo</button>}
      <button class="quiet" onClick={close}>
        {step.done ? 'Close' : 'Cancel'}
      </button>
    </div>
  );
}
