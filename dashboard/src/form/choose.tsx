// A field to choose one of many: what is typed is searched on the server.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { About } from './field';

export interface Option {
  id: string;
  title: string;
  hint?: string;
}

interface Props {
  about: About;
  shown: string; // title of what is chosen
  placeholder: string;
  load: (text: string, signal: AbortSignal) => Promise<Option[]>;
  choose: (option: Option) => void;
}

const WAIT_MS = 150;

// What matches, asked for when nothing more has been typed for a moment.
function useOptions(open: boolean, text: string, load: Props['load'], found: () => void) {
  const [options, setOptions] = useState<Option[]>();
  const [failure, setFailure] = useState('');
  useEffect(() => {
    if (!open) return undefined;
    const abort = new AbortController();
    const take = (matching: Option[]) => {
      setOptions(matching);
      setFailure('');
      found();
    };
    const refuse = (error: Error) => !abort.signal.aborted && setFailure(error.message);
    const timer = setTimeout(() => load(text.trim(), abort.signal).then(take, refuse), text ? WAIT_MS : 0);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [open, text]);
  return { options, failure };
}

export function Choose({ about, shown, placeholder, load, choose }: Props) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const list = `${about.id}-list`;
  const { options, failure } = useOptions(open, text, load, () => setAt(0));
  useEffect(() => {
    if (open) document.getElementById(`${list}-${at}`)?.scrollIntoView({ block: 'nearest' });
  }, [open, at]);
  const close = () => {
    setOpen(false);
    setText('');
  };
  const pick = (option: Option | undefined) => {
    if (!option) return;
    close();
    choose(option);
  };
  const key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey) return;
    const count = options?.length ?? 0;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (!open) setOpen(true);
      else setAt(Math.max(0, Math.min(count - 1, at + (event.key === 'ArrowDown' ? 1 : -1))));
    } else if (event.key === 'Enter' && open) pick(options?.[at]);
    else if (event.key === 'Escape' && open) {
      event.stopPropagation();
      close();
    } else return;
    event.preventDefault();
  };
  const told = failure || (!options ? 'Searching…' : options.length === 0 ? 'Nothing matches' : '');
  return (
    <div class="choose">
      <input
        {...about}
        ref={input}
        role="combobox"
        aria-expanded={open}
        aria-controls={open ? list : undefined}
        aria-autocomplete="list"
        aria-activedescendant={open && options?.[at] ? `${list}-${at}` : undefined}
        autocomplete="off"
        placeholder={open && shown ? shown : placeholder}
        value={open ? text : shown}
        onFocus={(event) => event.currentTarget.select()}
        onClick={() => setOpen(true)}
        onBlur={close}
        onKeyDown={key}
        onInput={(event) => {
          setOpen(true);
          setText(event.currentTarget.value);
        }}
      />
      {open && (
        <div
          class="choose-list"
          id={list}
          role="listbox"
          aria-label="Choices"
          onPointerDown={(event) => event.preventDefault()}
        >
          {(options ?? []).map((option, i) => (
            <div
              key={option.id}
              id={`${list}-${i}`}
              role="option"
              aria-selected={i === at}
              onMouseMove={() => setAt(i)}
              onClick={() => pick(option)}
            >
              <span class="grow cut">{option.title}</span>
              <span class="soft small cut">{option.hint}</span>
            </div>
          ))}
          {told && (
            <div class={failure ? 'bad' : 'soft'} role="option" aria-selected={false} aria-disabled="true">
              {told}
            </div>
          )}
        </div>
      )}
    </div>
  );
}
