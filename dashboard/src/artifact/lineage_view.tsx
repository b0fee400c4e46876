// What an artifact was made of and what was made of it: as a graph, and as a table.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { call } from '../api/http';
import { useLoaded } from '../load';
import { Canvas, cut } from '../parts/canvas';
import { Show } from '../parts/notice';
import { hrefOf, setQuery, type Place } from '../router';
import { layout, type Placed } from '../run/layout';
import { plural } from '../words';
import { lineageGraph, lineageSteps, typeWord } from './lineage';
import type { ArtifactSummary, Lineage, LineageGraph, LineageNode, TaskSummary } from './lineage';

const SIZE = { width: 200, height: 50 };
const LETTERS = 25;
const SECOND_LETTERS = 32;
const TASKS = 200;
const TASKS_MOST = 10_000;
const NODES_MOST = 1500; // of a graph
const ROWS_MOST = 1000; // of the table

type Direction = 'UP' | 'DOWN';

const DIRECTIONS: [key: string, title: string, of: Direction[]][] = [
  ['both', 'Both ways', ['UP', 'DOWN']],
  ['up', 'What it was made of', ['UP']],
  ['down', 'What was made of it', ['DOWN']],
];

export function LineageView({ id, place }: { id: string; place: Place }) {
  const [direction, , of] = DIRECTIONS.find(([key]) => key === place.query.get('direction')) ?? DIRECTIONS[0]!;
  const tasks = Math.min(TASKS_MOST, Number(place.query.get('tasks')) || TASKS);
  const asTable = place.query.get('as') === 'table';
  const path = `/apis/penstock/v1/artifacts/${encodeURIComponent(id)}/lineage`;
  const loaded = useLoaded(`${path} ${direction} ${tasks}`, (signal) =>
    Promise.all(of.map((one) => call<Lineage>(path, { signal, query: { direction: one, max_tasks: tasks } }))),
  );
  return (
    <>
      <div class="filters tab-filters">
        <select
          aria-label="Direction"
          value={direction}
          onChange={(event) => setQuery({ direction: event.currentTarget.value })}
        >
          {DIRECTIONS.map(([key, title]) => (
            <option key={key} value={key}>
              {title}
            </option>
          ))}
        </select>
        <label>
          <input
            type="checkbox"
            checked={asTable}
            onChange={(event) => setQuery({ as: event.currentTarget.checked ? 'table' : undefined })}
          />{' '}
          as a table
        </label>
      </div>
      <Show of={loaded}>
        {(parts) => (
          <>
            {parts.some(({ truncated }) => truncated) && (
              <p class="why-box row">
                Only {plural(tasks, 'task')} each way {tasks === 1 ? 'is' : 'are'} shown.
                {tasks < TASKS_MOST && (
                  <button onClick={() => setQuery({ tasks: String(Math.min(TASKS_MOST, tasks * 5)) })}>
                    Show more
                  </button>
                )}
              </p>
            )}
            <Drawn parts={parts} id={id} asTable={asTable} />
          </>
        )}
      </Show>
    </>
  );
}

function Drawn({ parts, id, asTable }: { parts: Lineage[]; id: string; asTable: boolean }) {
  const graph = useMemo(() => lineageGraph(parts), [parts]);
  if (graph.edges.length === 0) return <p class="notice-empty">No task made or took it.</p>;
  if (!asTable && graph.nodes.length <= NODES_MOST) return <Drawing graph={graph} id={id} />;
  return (
    <>
      {!asTable && (
        <p class="why-box">
          A graph of {graph.nodes.length.toLocaleString('en')} parts would not be readable: here is the table.
        </p>
      )}
      <Steps graph={graph} id={id} />
    </>
  );
}

function Drawing({ graph, id }: { graph: LineageGraph; id: string }) {
  const [placed, setPlaced] = useState<{ graph: LineageGraph; at: Placed }>();
  useEffect(() => {
    let current = true;
    layout(
      graph.nodes.map((node) => node.id),
      graph.edges,
      SIZE,
    ).then((at) => current && setPlaced({ graph, at }));
    return () => {
      current = false;
    };
  }, [graph]);
  if (placed?.graph !== graph) return <div class="graph" aria-busy="true" />;
  return (
    <Canvas placed={placed.at} label="Lineage; the table has the same" centre={`artifact ${id}`}>
      {(words) =>
        graph.nodes.map((node) => (
          <Node key={node.id} node={node} at={placed.at.nodes[node.id]!} words={words} id={id} />
        ))
      }
    </Canvas>
  );
}

const artifactHref = ({ artifact_id }: ArtifactSummary) => hrefOf(['artifacts', artifact_id], { tab: 'lineage' });
const taskHref = ({ run_id, task_id }: TaskSummary) =>
  hrefOf(['runs', 'details', run_id], { task: task_id, tab: task_id ? 'io' : undefined });

function Node({
  node,
  at,
  words,
  id,
}: {
  node: LineageNode;
  at: { x: number; y: number };
  words: boolean;
  id: string;
}) {
  const { artifact, task } = node;
  const [title, second, href] = artifact
    ? [artifact.name || artifact.artifact_id, typeWord(artifact.type), artifactHref(artifact)]
    : [task.name || 'the run itself', task.run_display_name ?? task.run_id, taskHref(task)];
  const here = artifact?.artifact_id === id;
  return (
    <g class={`node ${here ? 'open' : ''}`} transform={`translate(${at.x - SIZE.width / 2} ${at.y - SIZE.height / 2})`}>
      <a
        href={href}
        aria-label={words ? undefined : `${title}, ${second}`}
        aria-current={here ? 'true' : undefined}
        draggable={false}
      >
        <title>{`${title}\n${second}`}</title>
        <rect width={SIZE.width} height={SIZE.height} rx={artifact ? 25 : 4} />
        {words && (
          <text x={SIZE.width / 2} y="21" text-anchor="middle">
            {cut(title, LETTERS)}
          </text>
        )}
        {words && (
          <text class="why" x={SIZE.width / 2} y="38" text-anchor="middle">
            {cut(second, SECOND_LETTERS)}
          </text>
        )}
      </a>
    </g>
  );
}

function Steps({ graph, id }: { graph: LineageGraph; id: string }) {
  const steps = useMemo(() => lineageSteps(graph), [graph]);
  return (
    <div class="scroll panel-body" tabIndex={0} role="region" aria-label="Lineage">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col">Run</th>
            <th scope="col">Took</th>
            <th scope="col">Made</th>
          </tr>
        </thead>
        <tbody>
          {steps.slice(0, ROWS_MOST).map(({ task, took, made }) => (
            <tr key={`${task.run_id} ${task.task_id}`}>
              <td>
                <a href={taskHref(task)}>{task.name || 'the run itself'}</a>
              </td>
              <td>
                <a href={hrefOf(['runs', 'details', task.run_id])}>{task.run_display_name ?? task.run_id}</a>
              </td>
              <td>
                <Artifacts of={took} id={id} />
              </td>
              <td>
                <Artifacts of={made} id={id} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {steps.length > ROWS_MOST && <p class="soft">{plural(steps.length - ROWS_MOST, 'further task')} not shown.</p>}
    </div>
  );
}

function Artifacts({ of, id }: { of: ArtifactSummary[]; id: string }) {
  return (
    <ul class="inline">
      {of.map((artifact) => (
        <li key={artifact.artifact_id}>
          {artifact.artifact_id === id ? (
            <b>{artifact.name}</b>
          ) : (
            <a href={artifactHref(artifact)}>{artifact.name || artifact.artifact_id}</a>
          )}{' '}
          <span class="soft">{typeWord(artifact.type)}</span>
        </li>
      ))}
    </ul>
  );
}
