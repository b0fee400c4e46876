// The graph of the tasks of one layer. Who draws a run or a pipeline says what its nodes show.

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Canvas, cut } from '../parts/canvas';
import { layout, type Placed } from './layout';
import type { Edge } from './tree';

const SIZE = { width: 190, height: 50 };
const LETTERS = 22; // of a title in a node
const WHY_LETTERS = 26;
const NODES_MOST = 1500;

export interface GraphNode {
  name: string; // unique in the graph
  title: string;
  second: string; // below the title
  tip: string; // all of it, for who points at it or cannot see it
  icon: ComponentChildren; // in a box of 16
  isOpen: boolean;
  holds: boolean; // a graph of its own
  open: () => void;
  enter: () => void; // into the graph that it holds
}

export function TaskGraph({ label, nodes, edges }: { label: string; nodes: GraphNode[]; edges: Edge[] }) {
  const drawn = nodes.slice(0, NODES_MOST);
  const names = drawn.map(({ name }) => name);
  const known = new Set(names);
  const between = edges.filter(({ from, to }) => known.has(from) && known.has(to));
  const [placed, setPlaced] = useState<{ key: string; at: Placed }>();
  const key = JSON.stringify([names, between]);
  useEffect(() => {
    let current = true;
    layout(names, between, SIZE).then((at) => current && setPlaced({ key, at }));
    return () => {
      current = false;
    };
  }, [key]);
  if (placed?.key !== key) return <div class="graph" aria-busy="true" />;
  return (
    <>
      {nodes.length > drawn.length && (
        <p class="why-box">
          The first {drawn.length} of {nodes.length} tasks are drawn.
        </p>
      )}
      <Canvas label={label} placed={placed.at}>
        {(words) =>
          drawn.map((node) => <Node key={node.name} node={node} at={placed.at.nodes[node.name]!} words={words} />)
        }
      </Canvas>
    </>
  );
}

// Its name is its title element: a label beside it would be read in place of what can be seen.
function Node({ node, at, words }: { node: GraphNode; at: { x: number; y: number }; words: boolean }) {
  const { title, second } = node;
  return (
    <g
      class={`node ${node.isOpen ? 'open' : ''}`}
      tabindex={0}
      role="button"
      transform={`translate(${at.x - SIZE.width / 2} ${at.y - SIZE.height / 2})`}
      onClick={node.open}
      onDblClick={node.enter}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        if (event.shiftKey) node.enter();
        else node.open();
      }}
    >
      <title>{node.tip}</title>
      {node.holds && <rect x="5" y="5" width={SIZE.width} height={SIZE.height} rx="7" />}
      <rect width={SIZE.width} height={SIZE.height} rx="7" />
      <g transform={words ? 'translate(10 9)' : 'translate(78 8) scale(2.1)'}>{node.icon}</g>
      {words && (
        <text aria-hidden="true" x="34" y={second ? 21 : 30}>
          {cut(title, LETTERS)}
        </text>
      )}
      {words && second && (
        <text aria-hidden="true" class="why" x="34" y="38">
          {cut(second, WHY_LETTERS)}
        </text>
      )}
    </g>
  );
}
