// A field that narrows what a page shows. Its text stands in the address; the key / goes to it.

import { setQuery } from '../router';

interface Props {
  of: string; // what is looked at, as in "Name"
  text: string;
  label?: string;
  in?: string; // the name in the address
  size?: number;
}

export function TextFilter({ of, text, label = `${of} contains`, in: name = 'text', size = 18 }: Props) {
  return (
    <input
      data-filter
      type="search"
      placeholder={of}
      aria-label={label}
      value={text}
      size={size}
      onInput={(event) => setQuery({ [name]: event.currentTarget.value }, true)}
    />
  );
}
