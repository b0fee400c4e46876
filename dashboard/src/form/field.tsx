// A field of a form with its label, a hint and what is wrong with it, in words and for screen readers.

import type { ComponentChildren } from 'preact';

// What the element that is filled in needs.
export interface About {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean | undefined;
  'aria-required': boolean | undefined;
}

interface Props {
  id: string;
  label: ComponentChildren;
  about?: string; // below the label
  hint?: ComponentChildren;
  error?: string;
  required?: boolean;
  children: (about: About) => ComponentChildren;
}

export function Field({ id, label, about, hint, error, required, children }: Props) {
  const told = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>
        {label}
        {required && (
          <span class="bad" title="Required" aria-hidden="true">
            {' '}
            *
          </span>
        )}
        {about && <span class="soft small field-about"> {about}</span>}
      </label>
      <div class="field-value">
        {children({
          id,
          'aria-describedby': told || undefined,
          'aria-invalid': error ? true : undefined,
          'aria-required': required || undefined,
        })}
        {error && (
          <div class="bad small pre" id={`${id}-error`}>
            {error}
          </div>
        )}
        {hint && (
          <div class="soft small pre" id={`${id}-hint`}>
            {hint}
          </div>
        )}
      </div>
    </div>
  );
}
