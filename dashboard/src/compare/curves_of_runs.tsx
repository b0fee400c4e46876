// Metric curves, ROC curves and confusion matrices of several runs.

import { listClassifications, listMetrics, type ClassificationMetrics } from '../api/metrics';
import { call } from '../api/http';
import type { Task } from '../api/types';
import { useLoaded } from '../load';
import { classificationsByName, rocPoints, matrixOf } from '../parts/classification_data';
import { Confusion, Roc } from '../parts/classification';
import { ChartChoices, chartsOf, MetricCharts, type Line } from '../parts/metric_charts';
import { Empty, Show } from '../parts/notice';
import { eachOf } from '../parallel';
import { hrefOf, type Place } from '../router';
import type { ComparedRun } from './comparison';

const CALLS_AT_ONCE = 5;

const keyOf = (runs: ComparedRun[]) => runs.map(({ run_id }) => run_id).join(',');

async function nameOfTask(runId: string, taskId: string | undefined, signal: AbortSignal): Promise<string> {
  if (!taskId) return 'the run';
  const task = await call<Task>(`/apis/v2beta1/runs/${encodeURIComponent(runId)}/tasks/${encodeURIComponent(taskId)}`, {
    signal,
  });
  return task.display_name || task.name;
}

// A line is named by its run, and by the task where several of a run have the same metric.
async function linesOf(run: ComparedRun, signal: AbortSignal): Promise<Line[]> {
  const series = (await listMetrics(run.run_id, signal)).filter(({ points }) => Number(points) > 1);
  const times = new Map<string, number>();
  for (const { name } of series) times.set(name, (times.get(name) ?? 0) + 1);
  return eachOf(series, 1, async (one) => ({
    key: `${run.run_id} ${one.task_id ?? ''} ${one.name}`,
    name:
      times.get(one.name)! > 1
        ? `${run.display_name}, ${await nameOfTask(run.run_id, one.task_id, signal)}`
        : run.display_name,
    href: hrefOf(['runs', 'details', run.run_id], { view: 'metrics' }),
    runId: run.run_id,
    series: one,
  }));
}

export function CurvesOfRuns({ runs, place }: { runs: ComparedRun[]; place: Place }) {
  const loaded = useLoaded(`lines ${keyOf(runs)}`, async (signal) =>
    (await eachOf(runs, CALLS_AT_ONCE, (run) => linesOf(run, signal))).flat(),
  );
  return (
    <div class="panel-body">
      <Show of={loaded}>
        {(lines) =>
          chartsOf(lines).length === 0 ? (
            <Empty title="No curves">
              <p>None of these runs has a metric with more than one value.</p>
            </Empty>
          ) : (
            <>
              <div class="row chart-choices" role="search">
                <ChartChoices place={place} />
              </div>
              <MetricCharts lines={lines} place={place} />
            </>
          )
        }
      </Show>
    </div>
  );
}

interface OfRun {
  run: ComparedRun;
  metrics: ClassificationMetrics;
}

export function ClassificationsOfRuns({ runs }: { runs: ComparedRun[] }) {
  const loaded = useLoaded(`classifications ${keyOf(runs)}`, async (signal) => {
    const all = await eachOf(runs, CALLS_AT_ONCE, async (run) =>
      (await listClassifications(run.run_id, signal)).map((metrics): OfRun => ({ run, metrics })),
    );
    return classificationsByName(all.flat(), ({ metrics }) => metrics);
  });
  return (
    <div class="panel-body">
      <Show of={loaded}>
        {(groups) => (
          <>
            {groups.length === 0 && (
              <Empty title="No classification metrics">
                <p>None of these runs has put out a confusion matrix or a ROC curve.</p>
              </Empty>
            )}
            {groups.map(([name, items]) => (
              <Classification key={name} name={name} items={items} />
            ))}
          </>
        )}
      </Show>
    </div>
  );
}

function Classification({ name, items }: { name: string; items: OfRun[] }) {
  const curves = items.filter(({ metrics }) => metrics.roc?.length);
  const matrices = items.filter(({ metrics }) => metrics.confusion_matrix?.rows?.length);
  return (
    <section>
      <h2>{name}</h2>
      {curves.length > 0 && (
        <Roc curves={curves.map(({ run, metrics }) => ({ name: run.display_name, points: rocPoints(metrics) }))} />
      )}
      <div class="matrices">
        {matrices.map(({ run, metrics }) => (
          <div key={`${run.run_id} ${metrics.artifact_id}`}>
            <h3 class="cut">
              <a href={hrefOf(['artifacts', metrics.artifact_id])} title={run.display_name}>
                {run.display_name}
              </a>
            </h3>
            <Confusion matrix={matrixOf(metrics)} />
          </div>
        ))}
      </div>
    </section>
  );
}
