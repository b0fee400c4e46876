// Whether runs that do others again gave the same.

import { call } from '../api/http';
import { useLoaded } from '../load';
import { hrefOf } from '../router';
import { plural } from '../words';
import type { Compared } from './load';

interface Report {
  verdict: string;
  original_run_id: string;
  identical?: number;
  different?: number;
  missing?: number;
  not_comparable?: number;
  pending?: number;
  outputs?: { task?: string; name: string; result: string; reason?: string }[];
}

const VERDICTS: Record<string, string> = {
  IDENTICAL: 'gave the same',
  DIFFERENT: 'gave something else',
  PENDING: 'has not ended; nothing differs yet',
  INCOMPLETE: 'cannot be told to have given the same',
};
const SHOWN = 20; // of the outputs that are not the same

export function Reruns({ compared }: { compared: Compared }) {
  return (
    <>
      {compared.runs
        .filter((run) => compared.rerunOf.has(run.run_id))
        .map((run) => (
          <Rerun
            key={run.run_id}
            runId={run.run_id}
            name={run.display_name}
            original={compared.rerunOf.get(run.run_id)!}
            originalName={compared.runs.find((one) => one.run_id === compared.rerunOf.get(run.run_id))?.display_name}
          />
        ))}
    </>
  );
}

function Rerun({
  runId,
  name,
  original,
  originalName,
}: {
  runId: string;
  name: string;
  original: string;
  originalName?: string;
}) {
  const path = `/apis/penstock/v1/runs/${encodeURIComponent(runId)}/rerun_report`;
  const report = useLoaded(path, (signal) => call<Report>(path, { signal }));
  const outputs = (report.data?.outputs ?? []).filter(({ result }) => result !== 'IDENTICAL');
  return (
    <div class="why-box">
      <a href={hrefOf(['runs', 'details', runId])}>{name}</a> does{' '}
      <a href={hrefOf(['runs', 'details', original])}>{originalName ?? original}</a> again
      {report.error && <span class="bad">: {report.error.message}</span>}
      {report.data && (
        <>
          {' '}
          and <b>{VERDICTS[report.data.verdict] ?? report.data.verdict}</b>: {counts(report.data)}.
        </>
      )}
      {outputs.length > 0 && (
        <details>
          <summary>{plural(outputs.length, 'output')} not the same</summary>
          <ul>
            {outputs.slice(0, SHOWN).map((output) => (
              <li key={`${output.task} ${output.name}`}>
                {[output.task, output.name].filter(Boolean).join(' / ')}:{' '}
                {output.result.toLowerCase().replaceAll('_', ' ')}
                {output.reason && `, ${output.reason}`}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function counts(report: Report): string {
  const parts: [number | undefined, string][] = [
    [report.identical, 'the same'],
    [report.different, 'different'],
    [report.missing, 'missing'],
    [report.not_comparable, 'not comparable'],
    [report.pending, 'not there yet'],
  ];
  return (
    parts
      .filter(([count]) => count)
      .map(([count, word]) => `${count} ${word}`)
      .join(', ') || 'there are no outputs'
  );
}
