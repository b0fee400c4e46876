// A new run, or a new schedule (`recurring=1`): from nothing, or as a clone of a run or a schedule.

import { useEffect } from 'preact/hooks';
import { loadOrigin } from '../form/origin';
import { RunForm } from '../form/run_form';
import { useLoaded } from '../load';
import { Show } from '../parts/notice';
import type { Place } from '../router';

export default function NewRun({ place }: { place: Place }) {
  const runId = place.query.get('cloneFromRun') ?? '';
  const scheduleId = place.query.get('cloneFromRecurringRun') ?? '';
  const title = place.query.get('recurring') === '1' ? 'New schedule' : 'New run';
  // In an object, since nothing is what is loaded where nothing is cloned.
  const loaded = useLoaded(`origin ${runId} ${scheduleId}`, async (signal) => ({
    origin: await loadOrigin(runId, scheduleId, signal),
  }));
  useEffect(() => {
    document.title = `${title} - Penstock`;
  }, [title]);
  return (
    <div class="page">
      <div class="page-head">
        <h1>{title}</h1>
      </div>
      <Show of={loaded}>
        {({ origin }) => <RunForm key={`${runId} ${scheduleId}`} place={place} origin={origin} />}
      </Show>
    </div>
  );
}
