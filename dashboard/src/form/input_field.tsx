// One input of a pipeline: a field that fits its type.

import { Field, type About } from './field';
import { notGiven, readField, textOf, TYPE_WORDS, type Filled, type Input } from './inputs';

interface Props {
  id: string;
  input: Input;
  filled: Filled;
  change: (filled: Filled) => void;
  error: string | undefined; // from the server, or of what was left empty when it was sent
}

const ROWS_MOST = 14;

export function InputField({ id, input, filled, change, error }: Props) {
  const write = (text: string) => change({ text, given: true });
  // While something is written, what is wrong with it; that it is missing only once it was sent.
  const wrong =
    error ?? (filled.given && !(input.required && filled.text === '') ? readField(input, filled).error : undefined);
  return (
    <Field
      id={id}
      label={input.name}
      about={input.schema || TYPE_WORDS[input.type]}
      required={input.required}
      error={wrong}
      hint={hintOf(input)}
    >
      {(about) => (
        <div class="input-row">
          <Control about={about} input={input} filled={filled} write={write} leave={() => change(notGiven(input))} />
          {filled.given && !input.required && (
            <button
              type="button"
              class="quiet"
              onClick={() => change(notGiven(input))}
              aria-label={`${resetWord(input)}: ${input.name}`}
            >
              {resetWord(input)}
            </button>
          )}
        </div>
      )}
    </Field>
  );
}

function resetWord(input: Input): string {
  return input.hasDefault ? 'Default' : 'Leave out';
}

function hintOf(input: Input): string {
  const about = [input.description];
  if (input.type === 'artifact') about.push('The id of an artifact, a URI or an absolute path');
  if (input.type === 'artifacts') about.push('One a line: ids of artifacts, URIs or absolute paths');
  return about.filter(Boolean).join('\n');
}

interface ControlProps {
  about: About;
  input: Input;
  filled: Filled;
  write: (text: string) => void;
  leave: () => void;
}

function Control({ about, input, filled, write, leave }: ControlProps) {
  if (input.literals.length > 0 || input.type === 'boolean') {
    return <Choice about={about} input={input} filled={filled} write={write} leave={leave} />;
  }
  const { text, given } = filled;
  const look = given ? '' : 'default';
  const placeholder = !given && !input.hasDefault && !input.required ? 'not given' : undefined;
  if (input.type === 'integer' || input.type === 'number') {
    return (
      <input
        {...about}
        class={look}
        inputMode={input.type === 'integer' ? 'numeric' : 'decimal'}
        value={text}
        placeholder={placeholder}
        onInput={(event) => write(event.currentTarget.value)}
      />
    );
  }
  const isText = input.type === 'text';
  const rows = Math.min(ROWS_MOST, text.split('\n').length);
  return (
    <textarea
      {...about}
      class={`${look} ${isText ? '' : 'mono'}`}
      rows={rows}
      value={text}
      placeholder={placeholder}
      spellcheck={false}
      onInput={(event) => write(event.currentTarget.value)}
    />
  );
}

const NOT_GIVEN = '-';

function Choice({ about, input, filled, write, leave }: ControlProps) {
  const values = input.literals.length > 0 ? input.literals : [true, false];
  const texts = values.map((value) => textOf(input, value));
  // Values of a run that is cloned need not be among those of this version.
  const strange = filled.given && !texts.includes(filled.text);
  const at = filled.given || input.hasDefault ? `=${filled.text}` : NOT_GIVEN;
  return (
    <select
      {...about}
      class={filled.given ? '' : 'default'}
      value={at}
      onChange={(event) => {
        const chosen = event.currentTarget.value;
        if (chosen === NOT_GIVEN) leave();
        else write(chosen.slice(1));
      }}
    >
      {!input.hasDefault && <option value={NOT_GIVEN}>{input.required ? 'Choose' : 'not given'}</option>}
      {strange && <option value={`=${filled.text}`}>{filled.text}</option>}
      {texts.map((text) => (
        <option key={text} value={`=${text}`}>
          {text}
        </option>
      ))}
    </select>
  );
}
