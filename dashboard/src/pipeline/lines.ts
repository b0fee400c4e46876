// The difference of two texts by their lines: the shortest one (Myers), as pieces with what is the same around it.
// Pure.

export interface Line {
  sign: ' ' | '-' | '+';
  text: string;
  before?: number; // its number in the text before, from 1
  after?: number;
}

export interface Hunk {
  lines: Line[];
}

const AROUND = 3; // lines that are shown before and after a change
const EDITS_MOST = 1000; // past which all that is between the ends counts as changed

// The steps from a to b, last first: 'x' keeps a line of both.
function steps(a: string[], b: string[]): ('x' | '-' | '+')[] | undefined {
  const most = Math.min(a.length + b.length, EDITS_MOST);
  let reach = new Map<number, number>([[1, 0]]); // diagonal to how far in a it comes
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= most; ++d) {
    const next = new Map<number, number>();
    trace.push(reach);
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = down ? reach.get(k + 1)! : reach.get(k - 1)! + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) ++x;
      next.set(k, x);
      if (x >= a.length && x - k >= b.length) return back(trace, a.length, b.length, d);
    }
    reach = next;
  }
  return undefined;
}

function back(trace: Map<number, number>[], endA: number, endB: number, edits: number): ('x' | '-' | '+')[] {
  const out: ('x' | '-' | '+')[] = [];
  let [x, y] = [endA, endB];
  for (let d = edits; d >= 0; --d) {
    const reach = trace[d]!;
    const k = x - y;
    const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const fromX = d === 0 ? 0 : reach.get(down ? k + 1 : k - 1)!;
    const fromY = d === 0 ? 0 : fromX - (down ? k + 1 : k - 1);
    while (x > fromX && y > fromY) {
      out.push('x');
      --x;
      --y;
    }
    if (d > 0) out.push(down ? '+' : '-');
    [x, y] = [fromX, fromY];
  }
  return out;
}

// All lines, the same ones too.
export function linesOf(before: string, after: string): Line[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) ++head;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) ++tail;
  const [midA, midB] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const middle = steps(midA, midB)?.reverse() ?? [...midA.map(() => '-' as const), ...midB.map(() => '+' as const)];
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  for (const step of [...Array<'x'>(head).fill('x'), ...middle, ...Array<'x'>(tail).fill('x')]) {
    if (step === 'x') lines.push({ sign: ' ', text: a[i]!, before: ++i, after: ++j });
    else if (step === '-') lines.push({ sign: '-', text: a[i]!, before: ++i });
    else lines.push({ sign: '+', text: b[j]!, after: ++j });
  }
  return lines;
}

// What changed, with a few lines around.
export function hunksOf(lines: Line[]): Hunk[] {
  const hunks: Hunk[] = [];
  let end = -1; // of the last hunk
  lines.forEach((line, i) => {
    if (line.sign === ' ') return;
    const from = Math.max(end, i - AROUND, 0);
    const to = Math.min(lines.length, i + AROUND + 1);
    if (end >= 0 && from <= end) hunks.at(-1)!.lines.push(...lines.slice(end, to));
    else hunks.push({ lines: lines.slice(from, to) });
    end = to;
  });
  return hunks;
}
