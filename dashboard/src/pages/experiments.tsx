// The list of experiments, where one is made, archived or restored.

import { useEffect, useRef, useState } from 'preact/hooks';
import { createExperiment, lastRunOf, listExperiments, type ExperimentsWanted } from '../api/experiments';
import type { Experiment } from '../api/types';
import { ArchiveExperiment } from '../parts/archive_experiment';
import { Empty, Loading, Refused } from '../parts/notice';
import { useCommands } from '../parts/palette';
import { Table, sortingOf, type Column } from '../parts/table';
import { TextFilter } from '../parts/text_filter';
import { Ago } from '../parts/time';
import { usePaged } from '../paged';
import { go, hrefOf, setQuery, type Place } from '../router';
import { plural } from '../words';

const ORDER = 'last_run_created_at desc';

function wantedOf(place: Place): ExperimentsWanted {
  const get = (name: string) => place.query.get(name) ?? '';
  return {
    text: get('text'),
    archived: get('archived') === 'true' || place.path[0] === 'archive',
    order: get('order') || ORDER,
  };
}

function columnsOf(archive: (experiment: Experiment) => void): Column<Experiment>[] {
  return [
    {
      key: 'name',
      title: 'Experiment',
      width: 'minmax(200px, 1.4fr)',
      sort: 'name',
      cell: ({ experiment_id, display_name }) => (
        <a href={hrefOf(['experiments', 'details', experiment_id])} title={display_name}>
          {display_name}
        </a>
      ),
    },
    {
      key: 'description',
      title: 'Description',
      width: 'minmax(160px, 2fr)',
      cell: ({ description }) => (
        <span class="soft" title={description}>
          {description}
        </span>
      ),
    },
    {
      key: 'last',
      title: 'Last run',
      width: '110px',
      sort: 'last_run_created_at',
      cell: (one) => <Ago at={lastRunOf(one)} />,
    },
    {
      key: 'created',
      title: 'Created',
      width: '110px',
      sort: 'created_at',
      cell: ({ created_at }) => <Ago at={created_at} />,
    },
    {
      key: 'actions',
      title: '',
      width: '84px',
      cell: (one) => {
        const word = one.storage_state === 'ARCHIVED' ? 'Restore' : 'Archive';
        return (
          <button class="quiet" aria-label={`${word} ${one.display_name}`} onClick={() => archive(one)}>
            {word}
          </button>
        );
      },
    },
  ];
}

export default function Experiments({ place }: { place: Place }) {
  useEffect(() => {
    document.title = 'Experiments - Penstock';
  }, []);
  const wanted = wantedOf(place);
  const list = usePaged(`experiments ${JSON.stringify(wanted)}`, (token, signal) =>
    listExperiments(wanted, token, signal),
  );
  const [archiving, setArchiving] = useState<Experiment>();
  const making = place.path[1] === 'new';
  useCommands([{ title: 'New experiment', run: () => go('#/experiments/new') }]);
  return (
    <div class="page">
      <div class="page-head">
        <h1>Experiments</h1>
        <span class="grow" />
        {!making && (
          <a class="button" href="#/experiments/new">
            New experiment
          </a>
        )}
      </div>
      {making && <NewExperiment />}
      {archiving && (
        <ArchiveExperiment
          key={archiving.experiment_id}
          experiment={archiving}
          done={list.refresh}
          close={() => setArchiving(undefined)}
        />
      )}
      <div class="filters" role="search">
        <TextFilter of="Name" text={wanted.text} />
        {place.path[0] !== 'archive' && (
          <label>
            <input
              type="checkbox"
              checked={wanted.archived}
              onChange={(event) => setQuery({ archived: event.currentTarget.checked ? 'true' : undefined })}
            />{' '}
            archived
          </label>
        )}
        <span class="grow" />
        <span class="soft small" role="status">
          {list.total !== undefined && list.total >= 0 && plural(list.total, 'experiment')}
        </span>
      </div>
      {list.error && <Refused error={list.error} retry={list.refresh} />}
      {list.loading && <Loading />}
      {!list.loading && !list.error && list.rows.length === 0 ? (
        <Empty
          title={
            wanted.text ? 'No experiment has such a name' : wanted.archived ? 'None is archived' : 'No experiment yet'
          }
        >
          {(wanted.text || wanted.archived) && <a href="#/experiments">All experiments</a>}
        </Empty>
      ) : (
        <Table
          label="Experiments"
          columns={columnsOf(setArchiving)}
          rows={list.rows}
          keyOf={({ experiment_id }) => experiment_id}
          hrefOf={({ experiment_id }) => hrefOf(['experiments', 'details', experiment_id])}
          onEnd={list.more}
          sorting={sortingOf(wanted.order)}
          onSort={({ by, descending }) => setQuery({ order: `${by} ${descending ? 'desc' : 'asc'}` })}
        />
      )}
    </div>
  );
}

function NewExperiment() {
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [error, setError] = useState('');
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current!.focus(), []);
  const create = (event: Event) => {
    event.preventDefault();
    createExperiment(name.trim(), description.trim()).then(
      ({ experiment_id }) => go(hrefOf(['experiments', 'details', experiment_id])),
      (failed: Error) => setError(failed.message),
    );
  };
  return (
    <form
      class="new-experiment"
      aria-label="New experiment"
      onSubmit={create}
      onKeyDown={(event) => event.key === 'Escape' && go('#/experiments')}
    >
      <label class="stacked">
        Name
        <input ref={input} value={name} required onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="stacked">
        Description
        <textarea rows={3} value={description} onInput={(event) => setDescription(event.currentTarget.value)} />
      </label>
      {error && (
        <p class="bad" role="alert">
          {error}
        </p>
      )}
      <p class="row">
        <button class="primary" type="submit" disabled={!name.trim()}>
          Create
        </button>
        <a class="button" href="#/experiments">
          Cancel
        </a>
      </p>
    </form>
  );
}
