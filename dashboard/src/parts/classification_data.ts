// Classification metrics of the API in the form that the parts draw, which is that of artifacts. Pure.

import type { ClassificationMetrics } from '../api/metrics';
import type { Json } from '../api/types';

export function rocPoints(metrics: ClassificationMetrics): Json {
  return (metrics.roc ?? []).map((point) => ({
    confidenceThreshold: point.threshold ?? 0,
    recall: point.true_positive_rate ?? 0,
    falsePositiveRate: point.false_positive_rate ?? 0,
  }));
}

export function matrixOf({ confusion_matrix: matrix }: ClassificationMetrics): Json {
  return {
    annotationSpecs: (matrix?.labels ?? []).map((displayName) => ({ displayName })),
    rows: (matrix?.rows ?? []).map(({ values = [] }) => ({ row: values })),
  };
}

// What may be laid one over the other: the same output, and the same slice of the data.
export function classificationsByName<Item>(
  items: Item[],
  of: (item: Item) => ClassificationMetrics,
): [name: string, items: Item[]][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const { name, slice } = of(item);
    const key = slice ? `${name}, ${slice}` : name;
    const others = groups.get(key);
    if (others) others.push(item);
    else groups.set(key, [item]);
  }
  return [...groups];
}
