// What a page shows of the server: loaded, kept while it is loaded again, and tried again while the server is away.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, stream, Unreachable, type CallOptions } from './api/http';

export interface Loaded<T> {
  data?: T;
  error?: Error; // of the last call, if it was refused
  loading: boolean;
  reload: () => void;
}

const RETRY_MS = [500, 1000, 2000, 5000];
const HIDDEN_MS = 10_000; // after which a page that nobody sees gives its place up: browsers have few connections

export function retryDelay(tries: number): number {
  return RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]!;
}

// `key` names what is loaded: another one drops what is shown. With `everyMs` it is loaded again at intervals while the
// page can be seen.
export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>, everyMs = 0): Loaded<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: Error; loading: boolean }>({
    key,
    loading: true,
  });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const run = async (tries: number) => {
      setState((old) => (old.key === key ? { ...old, loading: true } : { key, loading: true }));
      try {
        const data = await latest.current(abort.signal);
        if (abort.signal.aborted) return;
        setState({ key, data, loading: false });
        if (everyMs > 0) timer = window.setTimeout(again, everyMs);
      } catch (error) {
        if (abort.signal.aborted) return;
        const away = error instanceof Unreachable || (error instanceof ApiError && error.status === 503);
        setState((old) => ({
          key,
          data: old.key === key ? old.data : undefined,
          error: away ? undefined : (error as Error),
          loading: away,
        }));
        if (away) timer = window.setTimeout(() => run(tries + 1), retryDelay(tries));
      }
    };
    const again = () => (document.hidden ? (timer = window.setTimeout(again, everyMs)) : run(0));
    run(0);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, round, everyMs]);

  const reload = useCallback(() => setRound((old) => old + 1), []);
  if (state.key !== key) return { loading: true, reload };
  return { data: state.data, error: state.error, loading: state.loading, reload };
}

// Follows a stream for as long as the page is there and can be seen: `take` gets each message, `first` says that it is
// the first of a connection, and the stream is opened again when it breaks off. `refused` hears why it was not to be
// had, or broke off. Both say true when nothing more is wanted. With another `round` it begins anew.
export interface StreamTaker<T> {
  take: (message: T, first: boolean) => boolean | void;
  refused?: (error: Error) => Promise<boolean>;
}

// What may be gone when one asks again.
export function mayPass(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status >= 500 || error.status === 429 || error.status === 409;
}

export function useStream<T>(
  path: string | undefined,
  query: CallOptions['query'],
  taker: StreamTaker<T>,
  round = 0,
): void {
  const latest = useRef(taker);
  latest.current = taker;
  const seen = useSeen();
  const key = path === undefined || !seen ? '' : path + JSON.stringify(query ?? {});
  useEffect(() => {
    if (path === undefined || !seen) return undefined;
    const abort = new AbortController();
    (async () => {
      for (let tries = 0; !abort.signal.aborted; ++tries) {
        let first = true;
        try {
          for await (const message of stream<T>(path, { query, signal: abort.signal })) {
            if (abort.signal.aborted) return;
            tries = 0;
            if (latest.current.take(message, first)) return;
            // What came first is painted before the rest is read.
            if (first) await new Promise((done) => setTimeout(done, 0));
            first = false;
          }
        } catch (error) {
          if (abort.signal.aborted) return;
          const { refused } = latest.current;
          if (refused ? await refused(error as Error) : !mayPass(error)) return;
        }
        await new Promise((done) => setTimeout(done, retryDelay(tries)));
      }
    })();
    return () => abort.abort();
  }, [key, round]);
}

// Whether somebody sees the page, or did a moment ago.
function useSeen(): boolean {
  const [seen, setSeen] = useState(true);
  useEffect(() => {
    let timer = 0;
    const look = () => {
      clearTimeout(timer);
      if (document.hidden) timer = window.setTimeout(() => setSeen(false), HIDDEN_MS);
      else setSeen(true);
    };
    look();
    document.addEventListener('visibilitychange', look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, []);
  return seen;
}
