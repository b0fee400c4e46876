// Metrics in Prometheus' text form. Pure.

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export type Samples = Map<string, Sample[]>;

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPED: Record<string, string> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

function numberOf(text: string): number {
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return Number(text);
}

// By name. What is not a sample is passed over.
export function samplesOf(text: string): Samples {
  const samples: Samples = new Map();
  for (const line of text.split('\n')) {
    const match = line.startsWith('#') ? null : LINE.exec(line);
    if (!match) continue;
    const [, name, labelText = '', value] = match;
    const labels: Record<string, string> = {};
    for (const [, key, raw] of labelText.matchAll(LABEL))
      labels[key!] = raw!.replace(/\\[n"\\]/g, (sign) => ESCAPED[sign]!);
    const of = samples.get(name!);
    if (of) of.push({ labels, value: numberOf(value!) });
    else samples.set(name!, [{ labels, value: numberOf(value!) }]);
  }
  return samples;
}

// Of all samples of a name together; nothing if there is none.
export function total(samples: Samples, name: string): number | undefined {
  return samples.get(name)?.reduce((sum, { value }) => sum + value, 0);
}

export interface Call {
  method: string;
  count: number;
  failed: number;
  seconds: number; // of all together
}

// What the server was asked, what took longest first.
export function callsOf(samples: Samples): Call[] {
  const calls = new Map<string, Call>();
  const of = (method: string) => {
    if (!calls.has(method)) calls.set(method, { method, count: 0, failed: 0, seconds: 0 });
    return calls.get(method)!;
  };
  for (const { labels, value } of samples.get('penstock_server_rpcs_total') ?? []) {
    const call = of(labels.method ?? '');
    call.count += value;
    if (labels.code !== 'OK') call.failed += value;
  }
  for (const { labels, value } of samples.get('penstock_server_rpc_seconds_sum') ?? [])
    of(labels.method ?? '').seconds += value;
  return [...calls.values()].sort((a, b) => b.seconds - a.seconds);
}
