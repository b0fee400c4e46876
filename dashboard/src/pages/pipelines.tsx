// The pipelines, each with its newest version.

import { useEffect, useState } from 'preact/hooks';
import { addPipeline, deletePipeline, listPipelines, listVersions, type Pipeline } from '../api/pipelines';
import { useLoaded } from '../load';
import { usePaged } from '../paged';
import { Confirm } from '../parts/confirm';
import { Command, Empty, Loading, Refused } from '../parts/notice';
import { useCommands, useKeys } from '../parts/palette';
import { Table, sortingOf, type Column } from '../parts/table';
import { TextFilter } from '../parts/text_filter';
import { Ago } from '../parts/time';
import { tell } from '../parts/toast';
import { Upload } from '../pipeline/upload';
import { go, hrefOf, setQuery, type Place } from '../router';
import { plural } from '../words';

const NEWEST_FIRST = 'created_at desc';

function Newest({ pipeline }: { pipeline: Pipeline }) {
  const id = pipeline.pipeline_id;
  const loaded = useLoaded(`newest ${id}`, (signal) => listVersions(id, '', signal, 1));
  const version = loaded.data?.rows[0];
  if (loaded.error)
    return (
      <span class="bad small" title={loaded.error.message}>
        {loaded.error.message}
      </span>
    );
  if (!version) return <span class="soft small">{loaded.loading ? '' : 'No version yet'}</span>;
  return (
    <span class="two">
      <a
        href={hrefOf(['pipelines', 'details', id, 'version', version.pipeline_version_id])}
        title={version.display_name}
      >
        {version.display_name}
      </a>
      <span class="soft small">
        {(loaded.data!.total ?? 0) > 1 && `${plural(loaded.data!.total!, 'version')}, this one `}
        <Ago at={version.created_at} />
      </span>
    </span>
  );
}

const COLUMNS: Column<Pipeline>[] = [
  {
    key: 'name',
    title: 'Pipeline',
    width: 'minmax(220px, 1.2fr)',
    sort: 'display_name',
    cell: (one) => (
      <span class="two">
        <a href={hrefOf(['pipelines', 'details', one.pipeline_id])} title={one.display_name}>
          {one.display_name || one.pipeline_id}
        </a>
        <span class="soft small" title={one.description}>
          {one.error?.message ?? one.description?.split('\n')[0]}
        </span>
      </span>
    ),
  },
  { key: 'newest', title: 'Newest version', width: 'minmax(200px, 1fr)', cell: (one) => <Newest pipeline={one} /> },
  { key: 'created', title: 'Created', width: '100px', sort: 'created_at', cell: (one) => <Ago at={one.created_at} /> },
  {
    key: 'run',
    title: '',
    help: 'New run',
    width: '90px',
    cell: (one) => (
      <a
        class="button"
        href={hrefOf(['runs', 'new'], { pipelineId: one.pipeline_id })}
        aria-label={`New run of ${one.display_name}`}
      >
        New run
      </a>
    ),
  },
];

function Selected({ ids, clear, done }: { ids: ReadonlySet<string>; clear: () => void; done: () => void }) {
  if (ids.size === 0) return <span class="soft small">Select pipelines to delete them.</span>;
  const act = async () => {
    try {
      for (const id of ids) await deletePipeline(id);
      tell(`${plural(ids.size, 'pipeline')} deleted.`);
      clear();
    } finally {
      done();
    }
  };
  const [their, them] = ids.size > 1 ? ['their', 'them'] : ['its', 'it'];
  return (
    <div class="row">
      <span>{plural(ids.size, 'pipeline')} selected</span>
      <Confirm
        title="Delete"
        act={act}
        question={
          `Delete ${plural(ids.size, 'pipeline')} with all ${their} versions? ` +
          `Runs stay; schedules of ${them} start no more runs.`
        }
      />
      <button class="quiet" onClick={clear}>
        Clear
      </button>
    </div>
  );
}

function NoPipelines({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No pipeline matches">
        <p>
          <a href="#/pipelines">All pipelines</a>
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="No pipeline yet">
      <p>Upload one from Python:</p>
      <Command text={`kfp.Client(host='${location.origin}').upload_pipeline_from_pipeline_func(my_pipeline)`} />
      <p>
        or <button onClick={() => setQuery({ upload: 'true' })}>upload a file</button>
      </p>
    </Empty>
  );
}

export default function Pipelines({ place }: { place: Place }) {
  const text = place.query.get('text') ?? '';
  const order = place.query.get('order') || NEWEST_FIRST;
  const uploads = place.query.get('upload') === 'true';
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const list = usePaged(JSON.stringify([text, order]), (token, signal) =>
    listPipelines({ text, order }, token, signal),
  );
  useEffect(() => {
    document.title = 'Pipelines - Penstock';
  }, []);
  const upload = () => setQuery({ upload: 'true' });
  useCommands([{ title: 'Upload a pipeline', run: upload }]);
  useKeys({ Escape: () => (uploads ? setQuery({ upload: undefined }) : setSelected(new Set())) });
  return (
    <div class="page">
      <div class="page-head">
        <h1 class="grow">Pipelines</h1>
        <button aria-expanded={uploads} onClick={() => setQuery({ upload: uploads ? undefined : 'true' })}>
          Upload a pipeline
        </button>
      </div>
      {uploads && (
        <Upload
          what="pipeline"
          close={() => setQuery({ upload: undefined })}
          send={async (source) => {
            const made = await addPipeline(source);
            tell(`${made.display_name} is stored.`);
            go(hrefOf(['pipelines', 'details', made.pipeline_id]));
          }}
        />
      )}
      <div class="filters" role="search">
        <TextFilter of="Name" text={text} size={24} />
        <Selected ids={selected} clear={() => setSelected(new Set())} done={list.refresh} />
        <span class="grow" />
        <span class="soft small">
          {list.rows.length > 0 && `${plural(list.rows.length, 'pipeline')}${list.next ? ' and more' : ''}`}
        </span>
      </div>
      {list.error && <Refused error={list.error} retry={list.refresh} />}
      {list.loading && <Loading />}
      {!list.loading && !list.error && list.rows.length === 0 ? (
        <NoPipelines filtered={text !== ''} />
      ) : (
        <Table
          label="Pipelines"
          columns={COLUMNS}
          rows={list.rows}
          keyOf={(one) => one.pipeline_id}
          rowHeight={46}
          hrefOf={(one) => hrefOf(['pipelines', 'details', one.pipeline_id])}
          selected={selected}
          onSelect={setSelected}
          onEnd={list.more}
          sorting={sortingOf(order)}
          onSort={(sorting) => setQuery({ order: `${sorting.by} ${sorting.descending ? 'desc' : 'asc'}` })}
        />
      )}
    </div>
  );
}
