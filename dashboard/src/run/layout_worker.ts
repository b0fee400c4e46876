import { graphlib, layout } from '@dagrejs/dagre';
import type { LayoutRequest, Placed } from './layout';

const GAP = 28;

function place({ nodes, edges, size }: LayoutRequest): Placed {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'TB', nodesep: GAP, ranksep: GAP * 1.6, marginx: GAP, marginy: GAP });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node, { ...size });
  for (const { from, to } of edges) graph.setEdge(from, to);
  layout(graph);
  const placed: Placed = { nodes: {}, edges: [], width: graph.graph().width ?? 0, height: graph.graph().height ?? 0 };
  for (const node of nodes) {
    const { x, y } = graph.node(node) as { x: number; y: number };
    placed.nodes[node] = { x, y };
  }
  for (const { v, w } of graph.edges()) {
    const { points } = graph.edge(v, w) as { points: { x: number; y: number }[] };
    placed.edges.push({ from: v, to: w, points });
  }
  return placed;
}

onmessage = ({ data }: MessageEvent<LayoutRequest>) => postMessage({ id: data.id, placed: place(data) });
