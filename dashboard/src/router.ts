// The address of a page is the part of the URL behind '#', as in the web UI of Kubeflow Pipelines, so that the links
// which its SDK and CLI print open the right page: "#/runs/details/ID?task=train". All that a page shows by choice
// (filters, columns, the task that is open) stands there, so that a view can be sent to a colleague.

import { useEffect, useState } from 'preact/hooks';

export interface Place {
  path: string[]; // decoded
  query: URLSearchParams;
}

export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s);
  const decode = (step: string) => {
    try {
      return decodeURIComponent(step);
    } catch {
      return step;
    }
  };
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

export type Query = Record<string, string | string[] | undefined>;

function hashOf({ path, query }: Place): string {
  const text = query.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

function put(query: URLSearchParams, values: Query): void {
  for (const [name, value] of Object.entries(values)) {
    query.delete(name);
    if (value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, one);
  }
}

export function hrefOf(path: string[], values: Query = {}): string {
  const query = new URLSearchParams();
  put(query, values);
  return hashOf({ path, query });
}

export function go(href: string): void {
  location.hash = href;
}

// Changes the query of the page that is shown. What is typed letter by letter replaces the entry of the history.
export function setQuery(changes: Query, replace = false): void {
  const place = placeOf(location.hash);
  put(place.query, changes);
  const hash = hashOf(place);
  if (replace) {
    history.replaceState(null, '', hash);
    dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = hash;
  }
}

export function usePlace(): Place {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return placeOf(hash);
}
