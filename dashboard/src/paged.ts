// Lists that come in pages: the first at once, each further one when the end of what is there can be seen.

import { useRef, useState } from 'preact/hooks';
import { useLoaded } from './load';

export interface Page<Row> {
  rows: Row[];
  next: string; // token of the next page; empty: there is none
  total?: number; // of all pages, if it is known
}

export interface Paged<Row> extends Page<Row> {
  loading: boolean; // and nothing is there yet
  error?: Error;
  more: () => void;
  refresh: () => void; // reads again as much as is shown
}

// `key` names the list: with another one it begins anew. What is shown stays until what replaces it is there. With
// `everyMs` it is read again at intervals.
export function usePaged<Row>(
  key: string,
  read: (token: string, signal: AbortSignal) => Promise<Page<Row>>,
  everyMs = 0,
): Paged<Row> {
  const [state, setState] = useState<{ key: string; pages: number; page: Page<Row> }>();
  const [wanted, setWanted] = useState({ key, pages: 1 });
  const shown = state?.key === key ? state : undefined;
  const pages = wanted.key === key ? wanted.pages : 1;
  const latest = useRef(shown);
  latest.current = shown;
  const loaded = useLoaded(
    `${key} ${pages}`,
    async (signal) => {
      // One more than is shown goes on where that ends; as many as are shown are read again.
      const before = latest.current?.pages === pages - 1 && latest.current.page.next ? latest.current : undefined;
      let page: Page<Row> = before?.page ?? { rows: [], next: '' };
      let count = before?.pages ?? 0;
      do {
        const more = await read(page.next, signal);
        page = { ...more, rows: [...page.rows, ...more.rows] };
        ++count;
      } while (page.next && count < pages);
      if (!signal.aborted) setState({ key, pages, page });
      return true;
    },
    everyMs,
  );
  return {
    rows: shown?.page.rows ?? [],
    next: shown?.page.next ?? '',
    total: shown?.page.total,
    loading: loaded.loading && !shown,
    error: loaded.error,
    more: () => {
      if (shown?.page.next && !loaded.loading) setWanted({ key, pages: pages + 1 });
    },
    refresh: loaded.reload,
  };
}
