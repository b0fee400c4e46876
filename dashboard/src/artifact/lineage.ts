// What artifacts were made of, and what was made of them, as nodes and edges. Pure.

import type { ArtifactOfTask, Json } from '../api/types';
import type { Edge } from '../run/tree';

export interface ArtifactSummary {
  artifact_id: string;
  artifact_number?: string;
  name?: string;
  type: string; // system.Dataset
  uri?: string;
  size_bytes?: string;
  sha256?: string;
  metadata?: Record<string, Json>;
  created_at: string;
  run_id?: string;
}

export interface TaskSummary {
  run_id: string;
  task_id?: string; // absent: the run itself
  name?: string;
  run_display_name?: string;
}

export interface Lineage {
  artifacts?: ArtifactSummary[]; // the first is the one that was asked for
  tasks?: TaskSummary[];
  edges?: { artifact_id: string; run_id: string; task_id?: string; name?: string; is_output?: boolean }[];
  imports?: { artifact_id: string; imported_artifact_id: string }[];
  truncated?: boolean;
}

export type LineageNode = { id: string } & (
  { artifact: ArtifactSummary; task?: undefined } | { task: TaskSummary; artifact?: undefined }
);

export interface LineageGraph {
  nodes: LineageNode[];
  edges: Edge[];
}

// A metric's id is that of the artifact that holds it, and its name: "UUID:accuracy".
export function artifactIdOf(id: string): string {
  return id.split(':')[0]!;
}

export function typeWord(type: string): string {
  return type.replace(/^system\./, '');
}

// In the form that tasks have their artifacts.
export function asOfTask(summary: ArtifactSummary): ArtifactOfTask {
  const { artifact_id, name = '', uri = '', metadata, created_at } = summary;
  return { artifact_id, name, uri, metadata, created_at, type: typeWord(summary.type) };
}

const taskId = ({ run_id, task_id = '' }: { run_id: string; task_id?: string }) => `task ${run_id} ${task_id}`;
const artifactId = (id: string) => `artifact ${id}`;

// Of both directions; what is in both is there once.
export function lineageGraph(parts: Lineage[]): LineageGraph {
  const nodes = new Map<string, LineageNode>();
  const edges = new Map<string, Edge>();
  for (const { artifacts = [], tasks = [] } of parts) {
    for (const artifact of artifacts)
      nodes.set(artifactId(artifact.artifact_id), { id: artifactId(artifact.artifact_id), artifact });
    for (const task of tasks) nodes.set(taskId(task), { id: taskId(task), task });
  }
  const add = (from: string, to: string) => {
    if (nodes.has(from) && nodes.has(to) && from !== to) edges.set(`${from} ${to}`, { from, to });
  };
  for (const part of parts) {
    for (const edge of part.edges ?? []) {
      const [artifact, task] = [artifactId(edge.artifact_id), taskId(edge)];
      if (edge.is_output) add(task, artifact);
      else add(artifact, task);
    }
    for (const one of part.imports ?? []) add(artifactId(one.imported_artifact_id), artifactId(one.artifact_id));
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

export interface LineageStep {
  task: TaskSummary;
  took: ArtifactSummary[];
  made: ArtifactSummary[];
}

// The same as a table: what each task took and made.
export function lineageSteps({ nodes, edges }: LineageGraph): LineageStep[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const artifactsOf = (ids: string[]) => ids.flatMap((id) => byId.get(id)?.artifact ?? []);
  return nodes.flatMap((node) =>
    node.task
      ? [
          {
            task: node.task,
            took: artifactsOf(edges.filter(({ to }) => to === node.id).map(({ from }) => from)),
            made: artifactsOf(edges.filter(({ from }) => from === node.id).map(({ to }) => to)),
          },
        ]
      : [],
  );
}
