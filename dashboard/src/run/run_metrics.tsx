// The metrics of a run and of its tasks: curves of those with more than one value, all of them as a table, and what
// classifiers were measured by.

import { useState } from 'preact/hooks';
import { listClassifications, listMetrics, SERIES_MOST, type MetricPoint, type MetricSeries } from '../api/metrics';
import { useLoaded } from '../load';
import { Confusion, Roc } from '../parts/classification';
import { classificationsByName, matrixOf, rocPoints } from '../parts/classification_data';
import { ChartChoices, chartsOf, MetricCharts, type Line } from '../parts/metric_charts';
import { Empty, Show } from '../parts/notice';
import { hrefOf, setQuery, type Place } from '../router';
import { numberText, plural } from '../words';
import { titleOf, type TaskTree } from './tree';

const REFRESH_MS = 5000; // while the run goes on
const ROWS_AT_FIRST = 100;

interface Props {
  runId: string;
  tree: TaskTree;
  ended: boolean;
  place: Place;
}

export function RunMetrics({ runId, tree, ended, place }: Props) {
  const every = ended ? 0 : REFRESH_MS;
  const series = useLoaded(`metrics ${runId} ${ended}`, (signal) => listMetrics(runId, signal), every);
  const nameOf = (taskId: string | undefined) => {
    const task = tree.byId.get(taskId ?? '');
    return task ? titleOf(task) : (taskId ?? 'the run');
  };
  return (
    <div class="panel-body">
      <Show of={series}>
        {(all) => (
          <>
            {all.length === 0 && <None ended={ended} runId={runId} />}
            {all.length > 0 && <Numbers all={all} runId={runId} nameOf={nameOf} place={place} />}
            {all.length >= SERIES_MOST && <p class="why-box">There are more metrics than are shown.</p>}
          </>
        )}
      </Show>
      <Classifications runId={runId} ended={ended} nameOf={nameOf} />
    </div>
  );
}

function None({ ended, runId }: { ended: boolean; runId: string }) {
  return (
    <Empty title={ended ? 'This run has no metrics' : 'No metrics yet'}>
      <p>
        A component logs them with an <code>Output[Metrics]</code>, with <code>mlflow.log_metric</code>, or by{' '}
        <code>POST /apis/penstock/v1/runs/{runId}/metrics</code>.
      </p>
    </Empty>
  );
}

interface NumbersProps {
  all: MetricSeries[];
  runId: string;
  nameOf: (taskId: string | undefined) => string;
  place: Place;
}

function Numbers({ all, runId, nameOf, place }: NumbersProps) {
  const text = place.query.get('metric')?.toLowerCase() ?? '';
  const lines = all.map((series): Line => ({
    key: `${series.task_id ?? ''} ${series.name}`,
    name: nameOf(series.task_id),
    runId,
    series,
  }));
  const shown = all.filter(
    ({ name, task_id }) => !text || name.toLowerCase().includes(text) || nameOf(task_id).toLowerCase().includes(text),
  );
  return (
    <>
      {chartsOf(lines).length > 0 && (
        <>
          <div class="row chart-choices" role="search">
            <ChartChoices place={place} />
          </div>
          <MetricCharts lines={lines} place={place} />
        </>
      )}
      <SeriesTable series={shown} nameOf={nameOf} />
    </>
  );
}

function SeriesTable({ series, nameOf }: { series: MetricSeries[]; nameOf: (taskId: string | undefined) => string }) {
  const [most, setMost] = useState(ROWS_AT_FIRST);
  const value = (point: MetricPoint) => numberText(point.value ?? 0);
  return (
    <div class="scroll metrics-table" tabIndex={0} role="region" aria-label="Metrics">
      <table class="plain">
        <thead>
          <tr>
            {['Metric', 'Task', 'Latest', 'Least', 'Greatest', 'Values'].map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {series.slice(0, most).map((one) => (
            <tr key={`${one.task_id} ${one.name}`}>
              <th scope="row">{one.name}</th>
              <td>
                {one.task_id ? (
                  <button class="quiet" onClick={() => setQuery({ task: one.task_id })}>
                    {nameOf(one.task_id)}
                  </button>
                ) : (
                  <span class="soft">the run</span>
                )}
              </td>
              <td class="numeric mono">{value(one.latest)}</td>
              <td class="numeric mono">{value(one.least)}</td>
              <td class="numeric mono">{value(one.greatest)}</td>
              <td class="numeric">{Number(one.points).toLocaleString('en')}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {series.length > most && (
        <button onClick={() => setMost(most * 10)}>
          Show more of {plural(series.length - most, 'further metric')}
        </button>
      )}
    </div>
  );
}

function Classifications({
  runId,
  ended,
  nameOf,
}: {
  runId: string;
  ended: boolean;
  nameOf: (taskId: string | undefined) => string;
}) {
  const loaded = useLoaded(
    `classification ${runId} ${ended}`,
    (signal) => listClassifications(runId, signal),
    ended ? 0 : REFRESH_MS,
  );
  return (
    <>
      {classificationsByName(loaded.data ?? [], (one) => one).map(([name, metrics]) => {
        const curves = metrics.filter(({ roc }) => roc?.length);
        return (
          <section key={name}>
            <h2>{name}</h2>
            {curves.length > 0 && (
              <Roc curves={curves.map((one) => ({ name: nameOf(one.task_id), points: rocPoints(one) }))} />
            )}
            <div class="matrices">
              {metrics
                .filter((one) => one.confusion_matrix?.rows?.length)
                .map((one) => (
                  <div key={one.artifact_id + (one.task_id ?? '')}>
                    <h3>
                      <a href={hrefOf(['artifacts', one.artifact_id])}>{nameOf(one.task_id)}</a>
                    </h3>
                    <Confusion matrix={matrixOf(one)} />
                  </div>
                ))}
            </div>
          </section>
        );
      })}
    </>
  );
}
