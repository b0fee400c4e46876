// The list of artifacts of all runs.

import { useEffect, useRef, useState } from 'preact/hooks';
import { howMade, listArtifacts, type ArtifactsWanted, type ListedArtifact, type Made } from '../api/artifacts';
import { artifactIdOf } from '../artifact/lineage';
import { eachOf } from '../parallel';
import { Empty, Loading, Refused } from '../parts/notice';
import { Table, sortingOf, type Column } from '../parts/table';
import { TextFilter } from '../parts/text_filter';
import { Ago } from '../parts/time';
import { usePaged } from '../paged';
import { hrefOf, setQuery, type Place } from '../router';
import { bytesText, numberText, plural } from '../words';

const ORDER = 'created_at desc';
const READS_AT_ONCE = 4;
const TYPES = [
  'Dataset',
  'Model',
  'Metrics',
  'ClassificationMetrics',
  'SlicedClassificationMetrics',
  'HTML',
  'Markdown',
  'Artifact',
];

function wantedOf(place: Place): ArtifactsWanted {
  const get = (name: string) => place.query.get(name) ?? '';
  return { text: get('text'), type: get('type'), run: get('run'), order: get('order') || ORDER };
}

// Who made the artifacts that are listed, and how large they are: read after the list, a few at once.
function useMade(rows: ListedArtifact[]): ReadonlyMap<string, Made> {
  const [made, setMade] = useState<ReadonlyMap<string, Made>>(new Map());
  const asked = useRef(new Set<string>());
  const abort = useRef(new AbortController());
  useEffect(() => () => abort.current.abort(), []);
  useEffect(() => {
    const ids = [...new Set(rows.map(({ artifact_id }) => artifactIdOf(artifact_id)))].filter(
      (id) => !asked.current.has(id),
    );
    ids.forEach((id) => asked.current.add(id));
    // Without an answer a row shows less, no more.
    eachOf(ids, READS_AT_ONCE, (id) =>
      howMade(id, abort.current.signal).then(
        (one) => setMade((old) => new Map(old).set(id, one)),
        () => undefined,
      ),
    );
  }, [rows]);
  return made;
}

function columnsOf(made: ReadonlyMap<string, Made>): Column<ListedArtifact>[] {
  const of = ({ artifact_id }: ListedArtifact) => made.get(artifactIdOf(artifact_id));
  return [
    {
      key: 'name',
      title: 'Artifact',
      width: 'minmax(180px, 1.2fr)',
      sort: 'name',
      cell: (one) => <a href={hrefOf(['artifacts', one.artifact_id])}>{one.name || one.artifact_id}</a>,
    },
    {
      key: 'type',
      title: 'Type',
      width: '170px',
      sort: 'type',
      cell: ({ type, number_value: value }) => (value === undefined ? type : `${type}: ${numberText(value)}`),
    },
    {
      key: 'run',
      title: 'Made by',
      width: 'minmax(180px, 1.4fr)',
      cell: (one) => {
        const { by, artifact } = of(one) ?? {};
        const run = by?.run_id ?? artifact?.run_id;
        if (!run) return null;
        return (
          <span class="two">
            <a href={hrefOf(['runs', 'details', run])}>{by?.run_display_name ?? run}</a>
            {by?.name && <span class="soft small">{by.name}</span>}
          </span>
        );
      },
    },
    {
      key: 'created',
      title: 'Created',
      width: '110px',
      sort: 'created_at',
      cell: ({ created_at }) => <Ago at={created_at} />,
    },
    {
      key: 'size',
      title: 'Size',
      width: '90px',
      numeric: true,
      cell: (one) => bytesText(of(one)?.artifact.size_bytes),
    },
  ];
}

function Filters({ wanted, total }: { wanted: ArtifactsWanted; total: number | undefined }) {
  const known = TYPES.map((type) => `system.${type}`);
  return (
    <div class="filters" role="search">
      <TextFilter of="Name" text={wanted.text} />
      <select
        aria-label="Type"
        value={wanted.type}
        onChange={(event) => setQuery({ type: event.currentTarget.value || undefined })}
      >
        <option value="">All types</option>
        {[...known, ...(wanted.type && !known.includes(wanted.type) ? [wanted.type] : [])].map((type) => (
          <option key={type} value={type}>
            {type.replace(/^system\./, '')}
          </option>
        ))}
      </select>
      {wanted.run && (
        <button class="chip" aria-pressed="true" onClick={() => setQuery({ run: undefined })}>
          of one run ×
        </button>
      )}
      <span class="grow" />
      <span class="soft small" role="status">
        {total !== undefined && total >= 0 && plural(total, 'artifact')}
      </span>
    </div>
  );
}

export default function Artifacts({ place }: { place: Place }) {
  useEffect(() => {
    document.title = 'Artifacts - Penstock';
  }, []);
  const wanted = wantedOf(place);
  const list = usePaged(`artifacts ${JSON.stringify(wanted)}`, (token, signal) => listArtifacts(wanted, token, signal));
  const made = useMade(list.rows);
  const filtered = !!(wanted.text || wanted.type || wanted.run);
  return (
    <div class="page">
      <div class="page-head">
        <h1>Artifacts</h1>
      </div>
      <Filters wanted={wanted} total={list.total} />
      {list.error && <Refused error={list.error} retry={list.refresh} />}
      {list.loading && <Loading />}
      {!list.loading && !list.error && list.rows.length === 0 ? (
        <Empty title={filtered ? 'No artifact matches' : 'No artifact yet'}>
          {filtered ? <a href="#/artifacts">All artifacts</a> : <p>What tasks of runs put out is listed here.</p>}
        </Empty>
      ) : (
        <Table
          label="Artifacts"
          columns={columnsOf(made)}
          rows={list.rows}
          keyOf={({ artifact_id }) => artifact_id}
          rowHeight={46}
          hrefOf={({ artifact_id }) => hrefOf(['artifacts', artifact_id])}
          onEnd={list.more}
          sorting={sortingOf(wanted.order)}
          onSort={({ by, descending }) => setQuery({ order: `${by} ${descending ? 'desc' : 'asc'}` })}
        />
      )}
    </div>
  );
}
