// A drawing of nodes and edges: moved by dragging, zoomed by the wheel or by two fingers.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Placed } from '../run/layout';

const ZOOM = { least: 0.05, most: 2.5, words: 0.45, read: 0.8 };
const EDGE = 8; // that is left beside what has the focus

interface View {
  x: number;
  y: number;
  zoom: number;
}

function fitted(placed: Placed, width: number, height: number): View {
  const zoom = Math.max(ZOOM.least, Math.min(1, width / placed.width, height / placed.height));
  return { zoom, x: (width - placed.width * zoom) / 2, y: Math.max(0, (height - placed.height * zoom) / 2) };
}

interface Props {
  placed: Placed;
  label: string;
  centre?: string; // the node in the middle, where all of them together would be too small to read
  children: (words: boolean) => ComponentChildren;
}

interface Moving {
  view: View;
  setView: (change: (old: View) => View) => void;
  fit: () => void;
  zoomIn: (factor: number) => void;
}

function useView(box: { current: HTMLDivElement | null }, placed: Placed, centre: string | undefined): Moving {
  const [view, setView] = useState<View>({ x: 0, y: 0, zoom: 1 });
  const fit = () => setView(fitted(placed, box.current!.clientWidth, box.current!.clientHeight));
  const begin = () => {
    const { clientWidth: width, clientHeight: height } = box.current!;
    const all = fitted(placed, width, height);
    const node = centre === undefined ? undefined : placed.nodes[centre];
    setView(
      node && all.zoom < ZOOM.words
        ? { zoom: ZOOM.read, x: width / 2 - node.x * ZOOM.read, y: height / 2 - node.y * ZOOM.read }
        : all,
    );
  };
  useEffect(begin, [placed]);
  const zoomAt = (factor: number, x: number, y: number) =>
    setView((old) => {
      const zoom = Math.max(ZOOM.least, Math.min(ZOOM.most, old.zoom * factor));
      const scale = zoom / old.zoom;
      return { zoom, x: x - (x - old.x) * scale, y: y - (y - old.y) * scale };
    });
  useEffect(() => {
    const element = box.current!;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const bounds = element.getBoundingClientRect();
      zoomAt(Math.exp(-event.deltaY / 400), event.clientX - bounds.left, event.clientY - bounds.top);
    };
    element.addEventListener('wheel', wheel, { passive: false });
    return () => element.removeEventListener('wheel', wheel);
  }, []);
  return {
    view,
    setView,
    fit,
    zoomIn: (factor) => zoomAt(factor, box.current!.clientWidth / 2, box.current!.clientHeight / 2),
  };
}

// It keeps what has the focus in sight.
export function Canvas({ placed, label, centre, children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const { view, setView, fit, zoomIn } = useView(box, placed, centre);
  const drag = useRef<{ x: number; y: number; moved: boolean } | undefined>(undefined);
  const dragged = useRef(false); // so that the end of dragging is not taken for a click
  const reveal = (event: FocusEvent) => {
    const node = (event.target as Element).getBoundingClientRect();
    const bounds = box.current!.getBoundingClientRect();
    const shift = (from: number, to: number, least: number, most: number) =>
      from < least + EDGE ? least + EDGE - from : to > most - EDGE ? most - EDGE - to : 0;
    const [dx, dy] = [
      shift(node.left, node.right, bounds.left, bounds.right),
      shift(node.top, node.bottom, bounds.top, bounds.bottom),
    ];
    if ((event.target as Element).closest('.canvas') && (dx !== 0 || dy !== 0))
      setView((old) => ({ ...old, x: old.x + dx, y: old.y + dy }));
  };
  return (
    <div
      class="graph"
      ref={box}
      onFocusIn={reveal}
      onPointerDown={(event) => (drag.current = { x: event.clientX, y: event.clientY, moved: false })}
      onPointerMove={(event) => {
        const from = drag.current;
        if (!from || event.buttons === 0) return;
        const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
        if (!from.moved && Math.hypot(dx, dy) < 4) return;
        drag.current = { x: event.clientX, y: event.clientY, moved: true };
        setView((old) => ({ ...old, x: old.x + dx, y: old.y + dy }));
      }}
      onPointerUp={() => {
        dragged.current = drag.current?.moved === true;
        drag.current = undefined;
      }}
      onClickCapture={(event) => {
        if (dragged.current) (event.preventDefault(), event.stopPropagation());
        dragged.current = false;
      }}
    >
      <svg class="canvas" role="group" aria-label={label}>
        <g transform={`translate(${view.x} ${view.y}) scale(${view.zoom})`}>
          {placed.edges.map(({ from, to, points }) => (
            <path key={`${from} ${to}`} class="edge" d={curve(points)} marker-end="url(#arrow)" />
          ))}
          {children(view.zoom >= ZOOM.words)}
        </g>
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0L8 4L0 8z" fill="currentColor" />
          </marker>
        </defs>
      </svg>
      <div class="tools">
        <button aria-label="Zoom in" onClick={() => zoomIn(1.3)}>
          +
        </button>
        <button aria-label="Zoom out" onClick={() => zoomIn(1 / 1.3)}>
          −
        </button>
        <button onClick={fit}>Fit</button>
      </div>
    </div>
  );
}

function curve(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  let path = `M${first.x} ${first.y}`;
  for (let i = 0; i < rest.length; ++i) {
    const [from, to] = [rest[i - 1] ?? first, rest[i]!];
    const middle = (from.y + to.y) / 2;
    path += `C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`;
  }
  return path;
}

export function cut(text: string, letters: number): string {
  const all = [...text];
  return all.length > letters ? `${all.slice(0, letters - 1).join('')}…` : text;
}
