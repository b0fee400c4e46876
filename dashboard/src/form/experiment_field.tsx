// Which experiment a run belongs to. It stands in the address.

import { useState } from 'preact/hooks';
import { call } from '../api/http';
import type { Experiment } from '../api/types';
import { useLoaded } from '../load';
import { setQuery } from '../router';
import { Field } from './field';

const AVAILABLE = JSON.stringify({
  predicates: [{ key: 'storage_state', operation: 'EQUALS', string_value: 'AVAILABLE' }],
});
const DEFAULT_NAME = 'Default'; // as the server calls the one that counts where none is named

async function offered(wanted: string, signal: AbortSignal): Promise<Experiment[]> {
  const path = '/apis/v2beta1/experiments';
  const query = { page_size: 200, sort_by: 'last_run_created_at desc', filter: AVAILABLE };
  const answer = await call<{ experiments?: Experiment[] }>(path, { signal, query });
  const list = answer.experiments ?? [];
  if (!wanted || list.some((one) => one.experiment_id === wanted)) return list;
  // Archived, or one of many. What is not there is said when the form is sent.
  const one = await call<Experiment>(`${path}/${encodeURIComponent(wanted)}`, { signal }).catch(() => undefined);
  return one ? [one, ...list] : list;
}

export function ExperimentField({ wanted, error }: { wanted: string; error: string | undefined }) {
  const [first] = useState(wanted); // what is chosen later is one of those that were loaded with it
  const loaded = useLoaded(`experiments ${first}`, (signal) => offered(first, signal));
  const list = loaded.data ?? [];
  const fallback = list.find((one) => one.display_name === DEFAULT_NAME);
  const known = list.some((one) => one.experiment_id === wanted);
  const archived = list.find((one) => one.experiment_id === wanted)?.storage_state === 'ARCHIVED';
  return (
    <Field
      id="experiment"
      label="Experiment"
      error={error ?? loaded.error?.message}
      hint={archived ? 'It is archived.' : undefined}
    >
      {(about) => (
        <select
          {...about}
          value={wanted || fallback?.experiment_id || ''}
          onChange={(event) => setQuery({ experimentId: event.currentTarget.value || undefined }, true)}
        >
          {!fallback && <option value="">The default one</option>}
          {wanted && !known && <option value={wanted}>{wanted}</option>}
          {list.map((one) => (
            <option key={one.experiment_id} value={one.experiment_id}>
              {one.display_name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
