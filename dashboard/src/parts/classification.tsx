// Confusion matrices and ROC curves, of one run or of many one over the other.

import type { Json } from '../api/types';
import { numberText } from '../words';

interface Matrix {
  annotationSpecs?: { displayName?: string }[];
  rows?: { row?: number[] }[] | number[][];
}

function rowsOf(matrix: Matrix): number[][] {
  return (matrix.rows ?? []).map((row) => (Array.isArray(row) ? row : (row.row ?? [])));
}

export function Confusion({ matrix }: { matrix: Json }) {
  const read = matrix as Matrix;
  const labels = (read.annotationSpecs ?? []).map((spec) => spec.displayName ?? '');
  const rows = rowsOf(read);
  const most = Math.max(1, ...rows.flat());
  return (
    <div class="scroll">
      <table class="plain confusion">
        <caption>Confusion matrix: rows are the truth, columns what was predicted</caption>
        <thead>
          <tr>
            <td />
            {labels.map((label) => (
              <th scope="col">{label}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr>
              <th scope="row">{labels[i]}</th>
              {row.map((count) => (
                <td class="numeric" style={{ '--share': `${Math.round((100 * count) / most)}%` }}>
                  {numberText(count)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Point {
  falsePositiveRate?: number;
  recall?: number;
}

const SIDE = 260;

const within = (part: number) => Math.min(1, Math.max(0, part));

export function Roc({ curves }: { curves: { name: string; points: Json }[] }) {
  const place = ({ falsePositiveRate = 0, recall = 0 }: Point) =>
    `${(within(falsePositiveRate) * SIDE).toFixed(1)},${((1 - within(recall)) * SIDE).toFixed(1)}`;
  return (
    <figure class="roc">
      <svg
        viewBox={`-30 -6 ${SIDE + 40} ${SIDE + 40}`}
        width={SIDE + 40}
        height={SIDE + 46}
        role="img"
        aria-label="ROC curve"
      >
        <rect width={SIDE} height={SIDE} class="frame" />
        <path d={`M0 ${SIDE}L${SIDE} 0`} class="chance" />
        {curves.map(({ name, points }, i) => (
          <polyline
            key={name}
            class={`series series-${i % 8}`}
            points={((Array.isArray(points) ? points : []) as Point[]).map(place).join(' ')}
          >
            <title>{name}</title>
          </polyline>
        ))}
        <text x={SIDE / 2} y={SIDE + 26} text-anchor="middle">
          False positive rate
        </text>
        <text transform={`translate(-12 ${SIDE / 2}) rotate(-90)`} text-anchor="middle">
          True positive rate
        </text>
      </svg>
      {curves.length > 1 && (
        <figcaption>
          {curves.map(({ name }, i) => (
            <span key={name} class={`legend series-${i % 8}`}>
              {name}
            </span>
          ))}
        </figcaption>
      )}
    </figure>
  );
}
