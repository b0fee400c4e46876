// The address of a page is the part of the URL behind '#', as in the web UI of Kubeflow Pipelines, so that the links which
// its SDK and CLI print open the right page: "#/runs/details/ID?task=train". All that a page shows by choice (filters,
// columns, the task that is open) stands there, so that a view can be sent to a colleague.

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

export function hrefOf(path: string[], query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) params.append(name, one);
  }
  const text = params.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

export function go(href: string): void {
  location.hash = href;
}

// Changes the query of the page that is shown. What is typed letter by letter replaces the entry of the history.
export function setQuery(changes: Query, replace = false): void {
  const place = placeOf(location.hash);
  for (const [name, value] of Object.entries(changes)) {
    place.query.delete(name);
    if (value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) place.query.append(name, one);
  }
  const text = place.query.toString();
  const hash = `#/${place.path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
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
