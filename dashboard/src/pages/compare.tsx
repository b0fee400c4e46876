// Runs side by side: what they were made of, what they gave, and their curves one over the other.

import { useEffect } from 'preact/hooks';
import { ApiError } from '../api/http';
import { RUNS_MOST } from '../compare/comparison';
import { ClassificationsOfRuns, CurvesOfRuns } from '../compare/curves_of_runs';
import { compareRuns, type Compared } from '../compare/load';
import { Reruns } from '../compare/reruns';
import { SideBySide } from '../compare/side_by_side';
import { useLoaded } from '../load';
import { Empty, Show } from '../parts/notice';
import { useCommands } from '../parts/palette';
import { Tabs } from '../parts/tabs';
import { TextFilter } from '../parts/text_filter';
import { setQuery, type Place } from '../router';

const VIEWS: [string, string][] = [
  ['table', 'Side by side'],
  ['curves', 'Curves'],
  ['classification', 'Classification'],
];

// Each once, as they stand in the address.
function idsOf(place: Place): string[] {
  return [
    ...new Set(
      (place.query.get('runlist') ?? '')
        .split(',')
        .map((id) => id.trim())
        .filter(Boolean),
    ),
  ];
}

export default function Compare({ place }: { place: Place }) {
  useEffect(() => {
    document.title = 'Compare runs - Penstock';
  }, []);
  const all = idsOf(place);
  const ids = all.slice(0, RUNS_MOST);
  return (
    <div class="page">
      <div class="page-head">
        <h1>Compare runs</h1>
      </div>
      {all.length > RUNS_MOST && (
        <p class="why-box">
          Only the first {RUNS_MOST} of {all.length} runs are compared.
        </p>
      )}
      {ids.length < 2 ? (
        <Empty title="Choose two runs or more">
          <p>
            Select them in the <a href="#/runs">list of runs</a>, then Compare.
          </p>
        </Empty>
      ) : (
        <Loaded place={place} ids={ids} />
      )}
    </div>
  );
}

function Loaded({ place, ids }: { place: Place; ids: string[] }) {
  const baseline = ids.find((id) => id === place.query.get('baseline')) ?? ids[0]!;
  const ordered = [baseline, ...ids.filter((id) => id !== baseline)];
  const all = place.query.get('all') === 'true';
  const loaded = useLoaded(`compare ${all} ${ordered.join(',')}`, (signal) => compareRuns(ordered, all, signal));
  useCommands([
    ...VIEWS.map(([key, title]) => ({ title: `Compare: ${title.toLowerCase()}`, run: () => setQuery({ view: key }) })),
    {
      title: all ? 'Compare: show only what differs' : 'Compare: show all',
      run: () => setQuery({ all: all ? undefined : 'true' }),
    },
  ]);
  const missing =
    loaded.error instanceof ApiError && loaded.error.status === 404
      ? ids.find((id) => loaded.error!.message.includes(id))
      : undefined;
  return (
    <>
      {missing && ids.length > 2 && (
        <p class="why-box">
          <button onClick={() => setQuery({ runlist: ids.filter((id) => id !== missing).join(',') })}>
            Compare the others
          </button>
        </p>
      )}
      <Show of={loaded}>{(compared) => <Views compared={compared} ids={ids} place={place} all={all} />}</Show>
    </>
  );
}

function Views({ compared, ids, place, all }: { compared: Compared; ids: string[]; place: Place; all: boolean }) {
  const wanted = place.query.get('view') ?? '';
  const view = VIEWS.some(([key]) => key === wanted) ? wanted : 'table';
  return (
    <>
      <Reruns compared={compared} />
      <section class="pane grow" aria-label="Comparison">
        <Tabs label="Comparison" tabs={VIEWS} at={view} choose={(key) => setQuery({ view: key })} />
        {view === 'table' && (
          <>
            <div class="filters tab-filters" role="search">
              <TextFilter of="Name or task" text={place.query.get('text') ?? ''} />
              <label>
                <input
                  type="checkbox"
                  checked={!all}
                  onChange={(event) => setQuery({ all: event.currentTarget.checked ? undefined : 'true' })}
                />{' '}
                only what differs
              </label>
            </div>
            {compared.truncated && <p class="why-box">There is more than one answer holds: some rows are missing.</p>}
            <SideBySide compared={compared} ids={ids} place={place} />
          </>
        )}
        {view === 'curves' && <CurvesOfRuns runs={compared.runs} place={place} />}
        {view === 'classification' && <ClassificationsOfRuns runs={compared.runs} />}
      </section>
    </>
  );
}
