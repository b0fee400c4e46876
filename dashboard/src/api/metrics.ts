// Metrics of runs and of their tasks: series of values by step and time. Pure, but for the calls.

import { call } from './http';

export interface MetricPoint {
  value?: number | string; // absent: 0; NaN and infinities are texts
  step?: string;
  time: string;
}

export interface MetricSeries {
  task_id?: string; // absent: of the run itself
  name: string;
  points: string;
  first: MetricPoint;
  latest: MetricPoint;
  least: MetricPoint;
  greatest: MetricPoint;
}

export interface ClassificationMetrics {
  task_id?: string;
  name: string;
  artifact_id: string;
  slice?: string;
  confusion_matrix?: { labels?: string[]; rows?: { values?: number[] }[] };
  roc?: { threshold?: number; true_positive_rate?: number; false_positive_rate?: number }[];
}

const SERIES_PAGE = 1000;
export const SERIES_MOST = 3000; // of a run; further ones are not read

export function numberOf(point: MetricPoint): number {
  return Number(point.value ?? 0);
}

const ofRun = (runId: string) => `/apis/penstock/v1/runs/${encodeURIComponent(runId)}`;

export async function listMetrics(runId: string, signal: AbortSignal): Promise<MetricSeries[]> {
  const all: MetricSeries[] = [];
  let token = '';
  do {
    const answer = await call<{ series?: MetricSeries[]; next_page_token?: string }>(`${ofRun(runId)}/metrics`, {
      signal,
      query: { page_size: SERIES_PAGE, page_token: token },
    });
    all.push(...(answer.series ?? []));
    token = answer.next_page_token ?? '';
  } while (token && all.length < SERIES_MOST);
  return all;
}

// About so many points, evenly over the steps.
export async function sampleMetric(
  runId: string,
  series: MetricSeries,
  points: number,
  signal: AbortSignal,
): Promise<MetricPoint[]> {
  const answer = await call<{ points?: MetricPoint[] }>(`${ofRun(runId)}/metrics:read`, {
    signal,
    query: { task_id: series.task_id, name: series.name, sample: points },
  });
  return answer.points ?? [];
}

export async function listClassifications(runId: string, signal: AbortSignal): Promise<ClassificationMetrics[]> {
  const answer = await call<{ metrics?: ClassificationMetrics[] }>(`${ofRun(runId)}/classification_metrics`, {
    signal,
  });
  return answer.metrics ?? [];
}
