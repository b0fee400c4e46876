import { render } from 'preact';
import { useEffect, useErrorBoundary, useRef, useState } from 'preact/hooks';
import { connection } from './api/http';
import { installKeys, Palette } from './parts/palette';
import { Empty, Loading, Refused } from './parts/notice';
import { loadPage, pageOf } from './pages/pages';
import { Toasts } from './parts/toast';
import { usePlace, type Place } from './router';
import { chosenTheme, chooseTheme, followTheme, type Theme } from './theme';

const NAV = [
  { title: 'Runs', href: '#/runs', at: ['', 'runs', 'archive', 'compare', 'start'] },
  { title: 'Experiments', href: '#/experiments', at: ['experiments'] },
  { title: 'Pipelines', href: '#/pipelines', at: ['pipelines'] },
  { title: 'Schedules', href: '#/recurringruns', at: ['recurringruns', 'recurringrun'] },
  { title: 'Artifacts', href: '#/artifacts', at: ['artifacts'] },
  { title: 'System', href: '#/system', at: ['system'] },
];

function ThemeChoice() {
  const [theme, setTheme] = useState(chosenTheme);
  return (
    <select
      aria-label="Theme"
      value={theme}
      onChange={(event) => {
        const next = event.currentTarget.value as Theme;
        chooseTheme(next);
        setTheme(next);
      }}
    >
      <option value="system">System</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  );
}

function Away() {
  const [away, setAway] = useState(connection.away);
  useEffect(() => connection.subscribe(() => setAway(connection.away)), []);
  return (
    <div role="status" aria-live="polite">
      {away && <div class="away">The server does not answer. This page tries again by itself.</div>}
    </div>
  );
}

function Content({ place }: { place: Place }) {
  const name = pageOf(place.path);
  const [page, setPage] = useState<{
    name: string;
    component?: Awaited<ReturnType<typeof loadPage>>['default'];
    error?: Error;
  }>();
  const [broken, mend] = useErrorBoundary();
  const address = place.path.join('/');
  useEffect(() => {
    if (broken) mend();
    if (!name) return undefined;
    let current = true;
    loadPage(name).then(
      (loaded) => current && setPage({ name, component: loaded.default }),
      (error: Error) => current && setPage({ name, error }),
    );
    return () => {
      current = false;
    };
  }, [name, address]);
  if (broken) return <Refused error={new Error(`This page failed: ${(broken as Error).message}`)} retry={mend} />;
  if (!name) {
    return (
      <>
        <h1 class="visually-hidden">There is no such page</h1>
        <Empty title="There is no such page">
          <a href="#/runs">All runs</a>
        </Empty>
      </>
    );
  }
  if (page?.name !== name) return <Loading />;
  if (page.error || !page.component)
    return <Refused error={page.error ?? new Error('The page is missing.')} retry={() => location.reload()} />;
  const Page = page.component;
  return <Page key={name} place={place} />;
}

function App() {
  const place = usePlace();
  const main = useRef<HTMLElement>(null);
  const address = place.path.join('/');
  useEffect(() => {
    if (!main.current!.contains(document.activeElement)) main.current!.focus({ preventScroll: true });
  }, [address]);
  return (
    <>
      <header class="top">
        <a class="brand" href="#/runs">
          Penstock
        </a>
        <nav aria-label="Pages">
          {NAV.map(({ title, href, at }) => (
            <a key={href} href={href} aria-current={at.includes(place.path[0] ?? '') ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <span class="grow" />
        <a class="primary" href="#/runs/new">
          New run
        </a>
        <ThemeChoice />
      </header>
      <Away />
      <main ref={main} tabIndex={-1}>
        <Content place={place} />
      </main>
      <Palette />
      <Toasts />
    </>
  );
}

followTheme();
installKeys();
const root = document.getElementById('app')!;
root.textContent = '';
render(<App />, root);
