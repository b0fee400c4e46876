// Points of metrics as a chart draws them. Pure.

import { numberOf, type MetricPoint } from '../api/metrics';

export type XAxis = 'step' | 'time';

export interface Curve {
  xs: number[]; // rising
  ys: number[];
  leftOut: number; // points that cannot be drawn
}

// By step, or by seconds since the first point. NaN and infinities are left out; on a logarithmic scale 0 and less,
// too. Of points at the same place the last one counts.
export function curveOf(points: MetricPoint[], by: XAxis, log: boolean): Curve {
  const begin = Math.min(...points.map((point) => Date.parse(point.time)));
  const at = new Map<number, number>();
  let leftOut = 0;
  for (const point of points) {
    const y = numberOf(point);
    const x = by === 'step' ? Number(point.step ?? 0) : (Date.parse(point.time) - begin) / 1000;
    if (Number.isFinite(x) && Number.isFinite(y) && (!log || y > 0)) at.set(x, y);
    else ++leftOut;
  }
  const xs = [...at.keys()].sort((a, b) => a - b);
  return { xs, ys: xs.map((x) => at.get(x)!), leftOut };
}

// All curves over the same places: null where a curve has no point.
export function aligned(curves: Curve[]): { xs: number[]; ys: (number | null)[][] } {
  const xs = [...new Set(curves.flatMap((curve) => curve.xs))].sort((a, b) => a - b);
  const ys = curves.map((curve) => {
    const at = new Map(curve.xs.map((x, i) => [x, curve.ys[i]!]));
    return xs.map((x) => at.get(x) ?? null);
  });
  return { xs, ys };
}

// The value of a curve at a place, or the last one before it.
export function valueAt(ys: (number | null)[], index: number): number | undefined {
  for (let i = Math.min(index, ys.length - 1); i >= 0; --i) if (ys[i] !== null) return ys[i]!;
  return undefined;
}
