// What an attempt ran: command, variables, packages and machine.

import { call } from '../api/http';
import type { Json } from '../api/types';
import { useLoaded } from '../load';
import { Show } from '../parts/notice';
import { Values } from '../parts/value';
import { bytesText } from '../words';

interface Record_ {
  environment?: string;
  executor?: string;
  packages?: string[];
  setup?: { command?: string[]; image?: string; variables?: Record<string, string>; sha256?: string };
  place?: {
    machine?: {
      hostname?: string;
      kernel?: string;
      os?: string;
      cpu_model?: string;
      cpus?: number;
      memory_bytes?: string;
      gpus?: string[];
    };
    interpreter?: { path?: string; version?: string; packages?: string[] };
    image_digest?: string;
  };
}

export function AttemptRecord({ runId, taskId, number }: { runId: string; taskId: string; number: number }) {
  const path = `/apis/penstock/v1/runs/${runId}/tasks/${taskId}/attempts/${number}`;
  const loaded = useLoaded(path, (signal) => call<Record_>(path, { signal }));
  return (
    <div class="panel-body">
      <Show of={loaded}>{(record) => <Facts record={record} />}</Show>
    </div>
  );
}

function given(pairs: [string, Json | undefined][]): [string, Json][] {
  return pairs.filter((pair): pair is [string, Json] => pair[1] !== undefined && pair[1] !== '');
}

function Facts({ record }: { record: Record_ }) {
  const { machine, interpreter } = record.place ?? {};
  const packages = [...(record.packages ?? []), ...(interpreter?.packages ?? [])];
  return (
    <>
      <h2>Machine</h2>
      <Values
        empty="Not known yet"
        of={given([
          ['Host', machine?.hostname],
          ['System', machine?.os],
          ['Kernel', machine?.kernel],
          ['CPU', machine?.cpu_model && `${machine.cpus} x ${machine.cpu_model}`],
          ['Memory', machine?.memory_bytes && bytesText(machine.memory_bytes)],
          ['GPU', machine?.gpus?.join(', ')],
          ['Executor', record.executor],
        ])}
      />
      <h2>Program</h2>
      <Values
        of={given([
          ['Python', interpreter?.version && `${interpreter.version}, ${interpreter.path}`],
          ['Environment', record.environment],
          ['Image', record.setup?.image],
          ['Image digest', record.place?.image_digest],
          ['Command', record.setup?.command?.join('\n')],
        ])}
      />
      {Object.keys(record.setup?.variables ?? {}).length > 0 && (
        <>
          <h2>Variables</h2>
          <Values of={Object.entries(record.setup!.variables!)} />
        </>
      )}
      <h2>Packages</h2>
      <pre class="mono">{packages.join('\n') || 'Not known'}</pre>
    </>
  );
}
