// Which page an address opens. The first four blocks are the addresses of the web UI of Kubeflow Pipelines. The two
// pages that people come to are there from the beginning; each other one is loaded when it is first shown.

import type { ComponentType } from 'preact';
import type { Place } from '../router';
import Run from './run';
import Runs from './runs';

type Page = ComponentType<{ place: Place }>;
type Loader = () => Promise<{ default: Page }>;

const pages = {
  runs: async () => ({ default: Runs }),
  run: async () => ({ default: Run }),
  newRun: () => import('./new_run'),
  pipelines: () => import('./pipelines'),
  pipeline: () => import('./pipeline'),
  schedules: () => import('./schedules'),
  schedule: () => import('./schedule'),
  compare: () => import('./compare'),
  experiments: () => import('./experiments'),
  experiment: () => import('./experiment'),
  artifacts: () => import('./artifacts'),
  artifact: () => import('./artifact'),
  system: () => import('./system'),
} satisfies Record<string, Loader>;

export type PageName = keyof typeof pages;

interface Route {
  path: string; // steps with ':' are ids
  page: PageName;
}

const ROUTES: Route[] = [
  { path: '', page: 'runs' },
  { path: 'start', page: 'runs' },
  { path: 'runs', page: 'runs' },
  { path: 'archive/runs', page: 'runs' },
  { path: 'runs/details/:run', page: 'run' },
  { path: 'runs/new', page: 'newRun' },
  { path: 'pipelines', page: 'pipelines' },
  { path: 'pipelines/details/:pipeline', page: 'pipeline' },
  { path: 'pipelines/details/:pipeline/version/:version', page: 'pipeline' },
  { path: 'recurringruns', page: 'schedules' },
  { path: 'recurringrun/details/:schedule', page: 'schedule' },
  { path: 'compare', page: 'compare' },
  { path: 'experiments', page: 'experiments' },
  { path: 'experiments/new', page: 'experiments' },
  { path: 'archive/experiments', page: 'experiments' },
  { path: 'experiments/details/:experiment', page: 'experiment' },
  { path: 'artifacts', page: 'artifacts' },
  { path: 'artifacts/:artifact', page: 'artifact' },
  { path: 'system', page: 'system' },
];

export function pageOf(path: string[]): PageName | undefined {
  const matches = (route: Route) => {
    const steps = route.path.split('/').filter(Boolean);
    return steps.length === path.length && steps.every((step, i) => step.startsWith(':') || step === path[i]);
  };
  return ROUTES.find(matches)?.page;
}

const loaded = new Map<PageName, Promise<{ default: Page }>>();

export function loadPage(name: PageName): Promise<{ default: Page }> {
  if (!loaded.has(name)) {
    const loading: Promise<{ default: Page }> = pages[name]();
    loading.catch(() => loaded.delete(name)); // tried again with the next visit
    loaded.set(name, loading);
  }
  return loaded.get(name)!;
}
