// Charts of metrics, one for each name, which load their points when they come into view.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { sampleMetric, type MetricPoint, type MetricSeries } from '../api/metrics';
import { useLoaded } from '../load';
import { eachOf } from '../parallel';
import { setQuery, type Place } from '../router';
import { curveOf, type XAxis } from './curve_data';
import { Curves } from './curves';
import { Show } from './notice';
import { TextFilter } from './text_filter';

export interface Line {
  key: string;
  name: string;
  href?: string;
  runId: string;
  series: MetricSeries;
}

const SAMPLE = 400; // points of a curve
const READS_AT_ONCE = 4;
const CHARTS_AT_FIRST = 40;

export function xAxisOf(place: Place): XAxis {
  return place.query.get('x') === 'time' ? 'time' : 'step';
}

export type Zoom = [from: number, to: number];

// The part of all curves that is shown: zoom=10~50.
export function zoomOf(place: Place): Zoom | undefined {
  const [from, to] = (place.query.get('zoom') ?? '').split('~').map(Number);
  return from !== undefined && to !== undefined && from < to ? [from, to] : undefined;
}

// Lines by the names of their metrics; only series that are more than one point.
export function chartsOf(lines: Line[]): [name: string, lines: Line[]][] {
  const charts = new Map<string, Line[]>();
  for (const line of lines) {
    if (Number(line.series.points) < 2) continue;
    const others = charts.get(line.series.name);
    if (others) others.push(line);
    else charts.set(line.series.name, [line]);
  }
  return [...charts].sort(([a], [b]) => (a < b ? -1 : 1));
}

function useSeen(): [seen: boolean, ref: { current: HTMLDivElement | null }] {
  const ref = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry!.isIntersecting && setSeen(true), {
      rootMargin: '200px',
    });
    observer.observe(ref.current!);
    return () => observer.disconnect();
  }, []);
  return [seen, ref];
}

interface ChartProps {
  name: string;
  lines: Line[];
  by: XAxis;
  log: boolean;
  zoom?: Zoom;
}

function Chart({ name, lines, by, log, zoom }: ChartProps) {
  const loaded = useLoaded<{ lines: Line[]; points: MetricPoint[][] }>(
    `curves ${name} ${lines.map(({ key }) => key).join(' ')}`,
    async (signal) => ({
      lines,
      points: await eachOf(lines, READS_AT_ONCE, ({ runId, series }) => sampleMetric(runId, series, SAMPLE, signal)),
    }),
  );
  const counts = lines.map(({ series }) => series.points).join(' ');
  const read = useRef(counts);
  useEffect(() => {
    if (read.current !== counts) loaded.reload();
    read.current = counts;
  }, [counts]);
  const curves = useMemo(
    () =>
      loaded.data?.lines.map(({ key, name: title, href }, i) => ({
        key,
        name: title,
        href,
        ...curveOf(loaded.data!.points[i]!, by, log),
      })),
    [loaded.data, by, log],
  );
  return <Show of={loaded}>{() => <Curves title={name} curves={curves!} by={by} log={log} zoom={zoom} />}</Show>;
}

function Lazy(props: ChartProps) {
  const [seen, ref] = useSeen();
  return (
    <div class="chart" ref={ref}>
      {seen && <Chart {...props} />}
    </div>
  );
}

// The choices stand in the address: x=time, log=true, metric=TEXT, zoom=10~50.
export function MetricCharts({ lines, place }: { lines: Line[]; place: Place }) {
  const [all, setAll] = useState(false);
  const by = xAxisOf(place);
  const log = place.query.get('log') === 'true';
  const zoomed = place.query.get('zoom');
  const zoom = useMemo(() => zoomOf(place), [zoomed]);
  const text = place.query.get('metric')?.toLowerCase() ?? '';
  const charts = chartsOf(lines).filter(([name]) => name.toLowerCase().includes(text));
  const shown = all ? charts : charts.slice(0, CHARTS_AT_FIRST);
  return (
    <>
      <div class="charts">
        {shown.map(([name, of]) => (
          <Lazy key={name} name={name} lines={of} by={by} log={log} zoom={zoom} />
        ))}
      </div>
      {shown.length < charts.length && (
        <button onClick={() => setAll(true)}>Show {charts.length - shown.length} more charts</button>
      )}
    </>
  );
}

export function ChartChoices({ place }: { place: Place }) {
  return (
    <>
      <TextFilter
        of="Metric"
        label="Metric name contains"
        in="metric"
        text={place.query.get('metric') ?? ''}
        size={14}
      />
      <select
        aria-label="Curves over"
        value={xAxisOf(place)}
        onChange={(event) =>
          setQuery({ x: event.currentTarget.value === 'time' ? 'time' : undefined, zoom: undefined })
        }
      >
        <option value="step">By step</option>
        <option value="time">By time</option>
      </select>
      <label>
        <input
          type="checkbox"
          checked={place.query.get('log') === 'true'}
          onChange={(event) => setQuery({ log: event.currentTarget.checked ? 'true' : undefined })}
        />{' '}
        log scale
      </label>
      {zoomOf(place) && <button onClick={() => setQuery({ zoom: undefined })}>Show all of the curves</button>}
    </>
  );
}
