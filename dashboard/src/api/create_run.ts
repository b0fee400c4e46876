// Starting a run at most once: what is sent again after an answer was lost finds the run that there is.

import { call } from './http';
import type { Run } from './types';

// Not of randomUUID, which browsers have only where the page came by https or from this machine.
function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

// One of it sends the same run under the same id.
export class RunStarter {
  private body = '';
  private id = '';

  start(run: object): Promise<Run> {
    const body = JSON.stringify(run);
    if (body !== this.body) {
      this.body = body;
      this.id = newId();
    }
    return call('/apis/penstock/v1/runs', { body: { request_id: this.id, run } });
  }
}
