// Where the nodes of a graph stand: asked of a worker, so that a large graph holds nothing up.

import type { Edge } from './tree';

export interface Size {
  width: number;
  height: number;
}

export interface Placed {
  nodes: Record<string, { x: number; y: number }>; // centres
  edges: { from: string; to: string; points: { x: number; y: number }[] }[];
  width: number;
  height: number;
}

export interface LayoutRequest {
  id: number;
  nodes: string[];
  edges: Edge[];
  size: Size;
}

// The page's policy lets no script be made of a text but by this.
function trusted(source: string): string {
  const { trustedTypes } = window as {
    trustedTypes?: { createPolicy: (name: string, rules: object) => { createScriptURL: (url: string) => string } };
  };
  return trustedTypes
    ? trustedTypes.createPolicy('worker', { createScriptURL: (url: string) => url }).createScriptURL(source)
    : source;
}

let worker: Worker | undefined;
let lastId = 0;
const waiting = new Map<number, (placed: Placed) => void>();

export function layout(nodes: string[], edges: Edge[], size: Size): Promise<Placed> {
  if (!worker) {
    // The build puts the worker beside the other scripts under a name that it tells by this meta element.
    const source = document.querySelector<HTMLMetaElement>('meta[name=layout-worker]')!.content;
    worker = new Worker(trusted(source), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<{ id: number; placed: Placed }>) => {
      waiting.get(data.id)?.(data.placed);
      waiting.delete(data.id);
    };
  }
  const id = ++lastId;
  worker.postMessage({ id, nodes, edges, size } satisfies LayoutRequest);
  return new Promise((done) => waiting.set(id, done));
}
