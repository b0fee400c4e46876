// The server itself: whether it is well, what runs and waits, who has the room, and how to reach it.

import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { call, send } from '../api/http';
import { useLoaded } from '../load';
import { Command, Show } from '../parts/notice';
import { Ago } from '../parts/time';
import { callsOf, samplesOf, total, type Samples } from '../system/prometheus';
import { readWork, type Work } from '../system/work';
import { hrefOf } from '../router';
import { bytesText, durationText, plural } from '../words';

const REFRESH_MS = 4000;
const CALLS_SHOWN = 12;
const SLOTS_SHOWN = 100;

interface Health {
  tag_name?: string;
  commit_sha?: string;
  multi_user?: boolean;
  pipeline_store?: string;
  took: number; // milliseconds, to this browser
}

async function readHealth(signal: AbortSignal): Promise<Health> {
  const begin = performance.now();
  const answer = await call<Omit<Health, 'took'>>('/apis/v2beta1/healthz', { signal });
  return { ...answer, took: performance.now() - begin };
}

async function readMetrics(signal: AbortSignal): Promise<Samples> {
  return samplesOf(await (await send('/metrics', { signal })).text());
}

export default function System() {
  useEffect(() => {
    document.title = 'System - Penstock';
  }, []);
  const health = useLoaded('health', readHealth, REFRESH_MS);
  const work = useLoaded('work', readWork, REFRESH_MS);
  const metrics = useLoaded('metrics', readMetrics, REFRESH_MS);
  return (
    <div class="page page-scroll system">
      <div class="row system-head">
        <h1>System</h1>
        <span class="grow" />
        <a href="/openapi.json">API description</a>
        <a href="/metrics">Metrics</a>
      </div>
      <div class="cards">
        <section aria-label="Server" class="card">
          <h2>Server</h2>
          <Show of={health}>{(told) => <Server health={told} />}</Show>
        </section>
        <section aria-label="Queue" class="card">
          <h2>Queue</h2>
          <Show of={work}>{(told) => <Queue work={told} metrics={metrics.data} />}</Show>
        </section>
        <section aria-label="Since the server started" class="card">
          <h2>Since the server started</h2>
          <Show of={metrics}>{(samples) => <Done samples={samples} />}</Show>
        </section>
        <section aria-label="Processes" class="card">
          <h2>Processes</h2>
          <Show of={metrics}>{(samples) => <Processes samples={samples} />}</Show>
        </section>
      </div>
      <section aria-label="Room">
        <h2>Who has the room</h2>
        <Show of={work}>{(told) => <Room work={told} />}</Show>
      </section>
      <Addresses />
      <section aria-label="Calls">
        <h2>What the server was asked</h2>
        <Show of={metrics}>{(samples) => <Calls samples={samples} />}</Show>
      </section>
    </div>
  );
}

function Facts({ of }: { of: [name: string, value: ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of
        .filter(([, value]) => value !== undefined && value !== '')
        .map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
    </dl>
  );
}

function Server({ health }: { health: Health }) {
  const commit = health.commit_sha && health.commit_sha !== 'unknown' ? health.commit_sha.slice(0, 12) : undefined;
  return (
    <Facts
      of={[
        ['Health', `answers, and reads its database (${health.took.toFixed(0)} ms from here)`],
        ['Version', health.tag_name],
        ['Commit', commit && <code title={health.commit_sha}>{commit}</code>],
        ['Pipelines', health.pipeline_store && `kept in the ${health.pipeline_store}`],
        ['Users', health.multi_user ? 'many, each with namespaces' : 'one'],
      ]}
    />
  );
}

const numberOrNothing = (value: number | undefined) => value?.toLocaleString('en');

function Queue({ work, metrics }: { work: Work; metrics: Samples | undefined }) {
  return (
    <>
      <Facts
        of={[
          ['Runs that run', <a href={hrefOf(['runs'], { state: 'RUNNING' })}>{work.running.toLocaleString('en')}</a>],
          ['Runs that wait', <a href={hrefOf(['runs'], { state: 'PENDING' })}>{work.pending.toLocaleString('en')}</a>],
          ['Runs driven by this server', metrics && numberOrNothing(total(metrics, 'penstock_server_runs_active'))],
          ['Tasks that run', metrics && numberOrNothing(total(metrics, 'penstock_server_attempts_running'))],
        ]}
      />
      {work.waits.length > 0 && (
        <>
          <h3>Why others wait</h3>
          <ul class="waits">
            {work.waits.slice(0, 8).map(({ what, message, count }) => (
              <li key={what + message}>
                <b>{plural(count, what)}</b> {message}
              </li>
            ))}
          </ul>
        </>
      )}
      {work.looked < work.running + work.pending && work.looked > 0 && (
        <p class="soft small">Of the tasks of {plural(work.looked, 'run')}.</p>
      )}
    </>
  );
}

function Done({ samples }: { samples: Samples }) {
  const of = (name: string) => total(samples, `penstock_server_${name}`);
  const hits = of('cache_hits_total') ?? 0;
  const asked = hits + (of('cache_misses_total') ?? 0);
  const errors = of('engine_errors_total');
  if (of('runs_taken_total') === undefined) return <p class="soft">The server did not give its metrics.</p>;
  return (
    <Facts
      of={[
        ['Runs begun', numberOrNothing(of('runs_taken_total'))],
        ['Runs ended', numberOrNothing(of('runs_finished_total'))],
        ['Attempts of tasks', numberOrNothing(of('attempts_started_total'))],
        [
          'Taken from the cache',
          asked > 0 ? `${hits.toLocaleString('en')} of ${asked.toLocaleString('en')} tasks` : 'no task has asked',
        ],
        [
          'Slots of schedules',
          `${numberOrNothing(of('ticks_decided_total'))}, ${numberOrNothing(of('ticks_fired_total'))} made a run`,
        ],
        [
          'Errors of the engine',
          errors ? <b class="bad">{errors.toLocaleString('en')}: see the server's log</b> : 'none',
        ],
      ]}
    />
  );
}

function Processes({ samples }: { samples: Samples }) {
  const started = total(samples, 'penstock_gateway_process_start_time_seconds');
  const cpu = total(samples, 'penstock_server_cpu_seconds');
  const gatewayCpu = total(samples, 'penstock_gateway_process_cpu_seconds_total');
  return (
    <Facts
      of={[
        [
          'Server',
          [
            bytesText(total(samples, 'penstock_server_resident_memory_bytes')),
            cpu === undefined ? '' : `${durationText(cpu)} of CPU`,
            plural(total(samples, 'penstock_server_threads') ?? 0, 'thread'),
          ]
            .filter(Boolean)
            .join(', '),
        ],
        [
          'Gateway',
          [
            bytesText(total(samples, 'penstock_gateway_process_resident_memory_bytes')),
            gatewayCpu === undefined ? '' : `${durationText(gatewayCpu)} of CPU`,
          ]
            .filter(Boolean)
            .join(', '),
        ],
        ['Gateway started', started && <Ago at={new Date(started * 1000).toISOString()} />],
        ['Requests in work', numberOrNothing(total(samples, 'penstock_gateway_requests_in_flight'))],
        ['Requests answered', numberOrNothing(total(samples, 'penstock_gateway_requests_total'))],
      ]}
    />
  );
}

function Room({ work }: { work: Work }) {
  if (work.slots.length === 0) return <p class="soft">No task runs.</p>;
  const cpus = work.slots.reduce((sum, { cpu = 0 }) => sum + cpu, 0) / 1000;
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Tasks that run">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Task</th>
              <th scope="col">CPUs</th>
              <th scope="col">Memory</th>
              <th scope="col">Since</th>
            </tr>
          </thead>
          <tbody>
            {work.slots.slice(0, SLOTS_SHOWN).map((slot) => (
              <tr key={slot.key}>
                <td>
                  <a href={hrefOf(['runs', 'details', slot.runId])}>{slot.runName}</a>
                </td>
                <td>
                  <a href={hrefOf(['runs', 'details', slot.runId], { task: slot.taskId ?? slot.task })}>{slot.task}</a>
                </td>
                <td class="numeric">{slot.cpu === undefined ? '' : slot.cpu / 1000}</td>
                <td class="numeric">{slot.memory ? bytesText(slot.memory) : ''}</td>
                <td>
                  <Ago at={slot.since} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {work.settings.map((setting) => (
        <p key={setting} class="soft">
          They have {cpus.toLocaleString('en')} CPUs together; how much there is for tasks: <code>{setting}</code>
        </p>
      ))}
    </>
  );
}

function Addresses() {
  const { origin, host } = location;
  return (
    <section aria-label="Addresses">
      <h2>From Python</h2>
      <p>
        Pipelines, with <code>kfp</code>: <Command text={`kfp.Client(host='${origin}')`} />
      </p>
      <p>
        Metrics and models, with <code>mlflow</code>: <Command text={`mlflow.set_tracking_uri('${origin}')`} />
      </p>
      <p>
        Everything, with <code>grpc</code>: <Command text={`grpc.insecure_channel('${host}')`} />
      </p>
    </section>
  );
}

function Calls({ samples }: { samples: Samples }) {
  const calls = callsOf(samples).slice(0, CALLS_SHOWN);
  if (calls.length === 0) return <p class="soft">Nothing yet.</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Calls, those that took longest together first">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Call</th>
            <th scope="col">Times</th>
            <th scope="col">Refused</th>
            <th scope="col">Each took</th>
            <th scope="col">Together</th>
          </tr>
        </thead>
        <tbody>
          {calls.map(({ method, count, failed, seconds }) => (
            <tr key={method}>
              <td class="mono">{method}</td>
              <td class="numeric">{count.toLocaleString('en')}</td>
              <td class="numeric">{failed > 0 ? failed.toLocaleString('en') : ''}</td>
              <td class="numeric">{count > 0 ? `${((1000 * seconds) / count).toFixed(1)} ms` : ''}</td>
              <td class="numeric">{durationText(seconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
