// Curves of one metric, one over the other: drawn by uPlot, read by the mouse or by the arrows, and as a legend with
// the values at the place that is looked at.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { setQuery } from '../router';
import { durationText, numberText, plural } from '../words';
import { aligned, valueAt, type Curve, type XAxis } from './curve_data';

export interface NamedCurve extends Curve {
  key: string;
  name: string;
  href?: string;
}

interface Props {
  title: string;
  curves: NamedCurve[];
  by: XAxis;
  log: boolean;
  zoom?: [from: number, to: number];
}

const HEIGHT = 220;
const COLORS = 8;
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]]; // when the colours begin again

const colorOf = (i: number) => `series-${i % COLORS}`;
const dashOf = (i: number) => DASHES[Math.floor(i / COLORS) % DASHES.length]!;

// Counts the changes of the theme: the canvas has colours of its own.
function useTheme(): number {
  const [round, setRound] = useState(0);
  useEffect(() => {
    const observer = new MutationObserver(() => setRound((old) => old + 1));
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => observer.disconnect();
  }, []);
  return round;
}

function xText(x: number, by: XAxis): string {
  if (by === 'step') return x.toLocaleString('en');
  return x < 10 ? `${numberText(Number(x.toPrecision(3)))} s` : durationText(x);
}

function zoomIntoSelection(plot: uPlot): void {
  const { left, width } = plot.select;
  if (width < 3) return;
  const [from, to] = [left, left + width].map((at) => Number(plot.posToVal(at, 'x').toPrecision(6)));
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  setQuery({ zoom: `${from}~${to}` });
}

function optionsOf(
  box: HTMLElement,
  curves: NamedCurve[],
  by: XAxis,
  log: boolean,
  moved: (index: number | undefined) => void,
): uPlot.Options {
  const style = getComputedStyle(box);
  const variable = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: variable('--soft'),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: variable('--line'), width: 1 },
    ticks: { show: false },
  };
  const probes = box.parentElement!.querySelectorAll('[data-curve]');
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    // What is drawn over is shown by all charts of the page, since it stands in the address.
    cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { time: false }, y: log ? { distr: 3, log: 10 } : {} },
    axes: [
      {
        ...axis,
        size: 28,
        space: by === 'step' ? 50 : 90,
        values: (_, splits) => splits.map((x) => (by === 'step' && !Number.isInteger(x) ? '' : xText(x, by))),
      },
      { ...axis, size: 62, values: (_, splits) => splits.map((y) => (y === null ? '' : numberText(y))) },
    ],
    series: [
      {},
      ...curves.map((_, i) => ({
        stroke: getComputedStyle(probes[i]!).color,
        width: 1.6,
        dash: dashOf(i),
        spanGaps: true,
      })),
    ],
    hooks: { setCursor: [(plot) => moved(plot.cursor.idx ?? undefined)], setSelect: [zoomIntoSelection] },
  };
}

export function Curves(props: Props) {
  const { title, curves, by, log, zoom } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [at, setAt] = useState<number>();
  const data = useMemo(() => aligned(curves), [curves]);
  const theme = useTheme();
  useEffect(() => {
    setAt(undefined);
    if (data.xs.length === 0) return undefined;
    const element = box.current!;
    const made = new uPlot(
      optionsOf(element, curves, by, log, setAt),
      [data.xs, ...data.ys] as uPlot.AlignedData,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(
      () => element.clientWidth !== made.width && made.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [data, by, log, theme]);
  useEffect(() => {
    const [min, max] = zoom ?? [data.xs[0] ?? 0, data.xs.at(-1) ?? 1];
    if (plot.current && min < max) plot.current.setScale('x', { min, max });
  }, [data, by, log, theme, zoom]);

  const move = (index: number) => {
    const to = Math.max(0, Math.min(data.xs.length - 1, index));
    plot.current?.setCursor({ left: plot.current.valToPos(data.xs[to]!, 'x'), top: 0 });
  };
  const onKey = (event: KeyboardEvent) => {
    const last = data.xs.length - 1;
    const now = at ?? -1;
    const far = Math.max(1, Math.round(last / 10));
    const before = at === undefined ? last : now - 1;
    const to = { ArrowRight: now + 1, ArrowLeft: before, PageUp: now + far, PageDown: now - far, Home: 0, End: last }[
      event.key
    ];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move(to);
  };
  const leftOut = curves.reduce((sum, curve) => sum + curve.leftOut, 0);
  const x = at === undefined ? undefined : data.xs[at];
  const place = x === undefined ? '' : `${by === 'step' ? 'Step ' : 'After '}${xText(x, by)}`;
  return (
    <figure class="curves" aria-label={title}>
      <figcaption>
        <b>{title}</b>{' '}
        <span class="soft small">{place || (by === 'step' ? 'by step' : 'by time since its first point')}</span>
      </figcaption>
      {data.xs.length === 0 ? (
        <p class="soft">No point can be drawn.</p>
      ) : (
        <div
          ref={box}
          class="curves-box"
          tabIndex={0}
          role="slider"
          aria-label={`${title}: place on the curve`}
          aria-valuemin={0}
          aria-valuemax={data.xs.length - 1}
          aria-valuenow={at ?? 0}
          aria-valuetext={place ? spoken(place, curves, data.ys, at!) : 'none chosen'}
          onKeyDown={onKey}
        />
      )}
      <Legend curves={curves} ys={data.ys} at={at} />
      {leftOut > 0 && (
        <p class="soft small">
          {plural(leftOut, 'point')} {leftOut === 1 ? 'is' : 'are'} not drawn: NaN,{' '}
          {log ? 'infinite, or not above 0' : 'or infinite'}.
        </p>
      )}
    </figure>
  );
}

const SPOKEN = 10; // curves whose values are read out

function spoken(place: string, curves: NamedCurve[], ys: (number | null)[][], at: number): string {
  return [
    place,
    ...curves.slice(0, SPOKEN).map(({ name }, i) => `${name} ${numberText(valueAt(ys[i]!, at)) || 'nothing'}`),
  ].join(', ');
}

// The values where the reader looks; else the last ones.
function Legend({ curves, ys, at }: { curves: NamedCurve[]; ys: (number | null)[][]; at: number | undefined }) {
  return (
    <ul
      class="curves-legend"
      tabIndex={curves.length > COLORS ? 0 : undefined}
      aria-label={curves.length > COLORS ? 'Curves' : undefined}
    >
      {curves.map(({ key, name, href }, i) => (
        <li key={key}>
          <svg class={`series ${colorOf(i)}`} data-curve viewBox="0 0 24 8" width="24" height="8" aria-hidden="true">
            <path d="M0 4H24" stroke-dasharray={dashOf(i).join(' ') || undefined} />
          </svg>
          {href ? (
            <a class="cut" href={href} title={name}>
              {name}
            </a>
          ) : (
            <span class="cut" title={name}>
              {name}
            </span>
          )}
          <span class="mono">{numberText(valueAt(ys[i] ?? [], at ?? Infinity))}</span>
        </li>
      ))}
    </ul>
  );
}
