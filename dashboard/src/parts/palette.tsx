// Everything by the keyboard: a palette of commands (Ctrl+K), pages by 'g' and a letter, and the list of keys ('?').

import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from '../api/http';
import { nameHas } from '../api/search';
import type { FoundRun } from '../api/types';
import { go, hrefOf } from '../router';
import { StateIcon } from './state';
import type { State } from '../api/types';

export interface Command {
  title: string;
  hint?: string;
  state?: State;
  run: () => void;
}

const PAGES: [key: string, title: string, href: string][] = [
  ['r', 'Runs', '#/runs'],
  ['e', 'Experiments', '#/experiments'],
  ['p', 'Pipelines', '#/pipelines'],
  ['s', 'Schedules', '#/recurringruns'],
  ['a', 'Artifacts', '#/artifacts'],
  ['y', 'System', '#/system'],
  ['n', 'New run', '#/runs/new'],
];

const KEYS: [keys: string, what: string][] = [
  ['Ctrl K', 'commands and runs by name'],
  ['/', 'the filter of the page'],
  ['j k', 'the next and the previous row'],
  ['Enter', 'open the row'],
  ['x', 'select the row'],
  ['Esc', 'close what is open'],
  ['?', 'this list'],
  ...PAGES.map(([key, title]): [string, string] => [`g ${key}`, title]),
];

// What the page that is shown adds, by key and as commands.
const pageKeys = new Map<string, () => void>();
const pageCommands = new Set<Command[]>();

export function useKeys(keys: Record<string, () => void>): void {
  useEffect(() => {
    for (const [key, run] of Object.entries(keys)) pageKeys.set(key, run);
    return () => {
      for (const [key, run] of Object.entries(keys)) if (pageKeys.get(key) === run) pageKeys.delete(key);
    };
  });
}

export function useCommands(commands: Command[]): void {
  useEffect(() => {
    pageCommands.add(commands);
    return () => {
      pageCommands.delete(commands);
    };
  });
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.matches('input:not([type=checkbox]), textarea, select, [contenteditable]')
  );
}

let openPalette: ((mode: 'commands' | 'keys') => void) | undefined;

export function installKeys(): void {
  let pending = '';
  addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      openPalette?.('commands');
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (pending === 'g') {
      pending = '';
      const page = PAGES.find(([key]) => key === event.key);
      if (page) {
        event.preventDefault();
        go(page[2]);
      }
      return;
    }
    if (event.key === 'g') {
      pending = 'g';
      setTimeout(() => (pending = ''), 1500);
    } else if (event.key === '?') {
      event.preventDefault();
      openPalette?.('keys');
    } else if (event.key === '/') {
      const filter = document.querySelector<HTMLInputElement>('[data-filter]');
      if (filter) {
        event.preventDefault();
        filter.focus();
        filter.select();
      }
    } else if (pageKeys.has(event.key) && !event.defaultPrevented) {
      event.preventDefault();
      pageKeys.get(event.key)!();
    }
  });
}

async function runsNamed(text: string, signal: AbortSignal): Promise<Command[]> {
  const found = await call<{ runs?: FoundRun[] }>('/apis/penstock/v1/runs:search', {
    signal,
    body: { filter: nameHas(text), page_size: 8 },
  });
  return (found.runs ?? []).map((run) => ({
    title: run.display_name,
    hint: run.run_id,
    state: run.status,
    run: () => go(hrefOf(['runs', 'details', run.run_id])),
  }));
}

export function Palette() {
  const [mode, setMode] = useState<'commands' | 'keys'>();
  const before = useRef<Element | null>(null);
  openPalette = (wanted) => {
    before.current = document.activeElement;
    setMode(wanted);
  };
  const close = () => {
    setMode(undefined);
    (before.current as HTMLElement | null)?.focus?.();
  };
  if (!mode) return null;
  return (
    <div
      class="veil"
      onClick={(event) => event.target === event.currentTarget && close()}
      onKeyDown={(event) => event.key === 'Escape' && (event.stopPropagation(), close())}
    >
      {mode === 'commands' ? <Commands close={close} /> : <Keys close={close} />}
    </div>
  );
}

function Keys({ close }: { close: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current!.focus(), []);
  return (
    <div class="dialog" role="dialog" aria-modal="true" aria-label="Keys">
      <h2>Keys</h2>
      <div class="keys">
        {KEYS.map(([keys, what]) => (
          <>
            <span>
              {keys.split(' ').map((key) => (
                <kbd>{key}</kbd>
              ))}
            </span>
            <span>{what}</span>
          </>
        ))}
      </div>
      <p>
        <button ref={button} onClick={close}>
          Close
        </button>
      </p>
    </div>
  );
}

function Commands({ close }: { close: () => void }) {
  const [text, setText] = useState('');
  const [runs, setRuns] = useState<Command[]>([]);
  const [at, setAt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current!.focus(), []);
  useEffect(() => {
    setAt(0);
    if (!text.trim()) {
      setRuns([]);
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => runsNamed(text.trim(), abort.signal).then(setRuns, () => undefined), 120);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [text]);

  const fixed: Command[] = [
    ...[...pageCommands].flat(),
    ...PAGES.map(([key, title, href]) => ({ title, hint: `g ${key}`, run: () => go(href) })),
  ];
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = [...fixed.filter(({ title }) => words.every((word) => title.toLowerCase().includes(word))), ...runs];
  const choose = (command: Command | undefined) => {
    if (!command) return;
    close();
    command.run();
  };
  return (
    <div class="dialog palette" role="dialog" aria-modal="true" aria-label="Commands">
      <input
        ref={input}
        value={text}
        placeholder="A command, or the name of a run"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={shown[at] ? `palette-${at}` : undefined}
        aria-label="Command"
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setAt(Math.min(at + 1, shown.length - 1));
          else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, 0));
          else if (event.key === 'Enter') choose(shown[at]);
          else return;
          event.preventDefault();
        }}
      />
      <div id="palette-list" role="listbox" aria-label="Commands">
        {shown.map((command, i) => (
          <div
            key={i}
            id={`palette-${i}`}
            role="option"
            aria-selected={i === at}
            onClick={() => choose(command)}
            onMouseMove={() => setAt(i)}
          >
            {command.state && <StateIcon state={command.state} />}
            <span class="grow cut">{command.title}</span>
            <span class="soft small cut">{command.hint}</span>
          </div>
        ))}
      </div>
    </div>
  );
}
