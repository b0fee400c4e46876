// One artifact: what it is, its content, who made and used it, and its lineage.

import { useEffect } from 'preact/hooks';
import { howMade, type Made } from '../api/artifacts';
import { call } from '../api/http';
import { artifactIdOf, asOfTask, typeWord } from '../artifact/lineage';
import { LineageView } from '../artifact/lineage_view';
import { useLoaded } from '../load';
import { Artifact, contentUrl } from '../parts/artifact';
import { Copy, Loading, Refused, Show } from '../parts/notice';
import { useCommands } from '../parts/palette';
import { Table } from '../parts/table';
import { Tabs } from '../parts/tabs';
import { Ago } from '../parts/time';
import { UserMetadata } from '../parts/user_metadata';
import { usePaged } from '../paged';
import { hrefOf, setQuery, type Place } from '../router';
import { bytesText, exactTime } from '../words';

const TABS: [string, string][] = [
  ['overview', 'Artifact'],
  ['lineage', 'Lineage'],
  ['uses', 'Runs'],
];
const PAGE = 50;
const COPIED = ['Id', 'SHA-256', 'URI'];
// Their metadata is all there is.
const WITHOUT_CONTENT = ['Metrics', 'ClassificationMetrics', 'SlicedClassificationMetrics'];

export default function ArtifactPage({ place }: { place: Place }) {
  const id = artifactIdOf(place.path.at(-1)!);
  const loaded = useLoaded(`artifact ${id}`, (signal) => howMade(id, signal));
  const name = loaded.data?.artifact.name;
  useEffect(() => {
    document.title = `${name || 'Artifact'} - Penstock`;
  }, [name]);
  return <Show of={loaded}>{(made) => <Whole made={made} place={place} />}</Show>;
}

function Whole({ made, place }: { made: Made; place: Place }) {
  const { artifact } = made;
  const wanted = place.query.get('tab') ?? '';
  const tab = TABS.some(([key]) => key === wanted) ? wanted : 'overview';
  useCommands(
    TABS.map(([key, title]) => ({
      title: `Show ${title.toLowerCase()} of this artifact`,
      run: () => setQuery({ tab: key }),
    })),
  );
  return (
    <div class="page">
      <div class="page-head">
        <h1>{artifact.name || artifact.artifact_id}</h1>
        <span class="soft">
          {typeWord(artifact.type)}, <Ago at={artifact.created_at} />
        </span>
        <MadeBy made={made} />
      </div>
      <section class="pane grow" aria-label="Artifact">
        <Tabs label="Artifact" tabs={TABS} at={tab} choose={(key) => setQuery({ tab: key })} />
        {tab === 'overview' && <Overview key={artifact.artifact_id} made={made} />}
        {tab === 'lineage' && <LineageView key={artifact.artifact_id} id={artifact.artifact_id} place={place} />}
        {tab === 'uses' && <Uses id={artifact.artifact_id} />}
      </section>
    </div>
  );
}

function MadeBy({ made: { artifact, by } }: { made: Made }) {
  const run = by?.run_id ?? artifact.run_id;
  if (!run) return <span class="soft">registered by a client</span>;
  return (
    <span class="soft">
      made by{' '}
      {by?.name && (
        <>
          <a href={hrefOf(['runs', 'details', run], { task: by.task_id, tab: 'io' })}>{by.name}</a> of{' '}
        </>
      )}
      <a href={hrefOf(['runs', 'details', run])}>{by?.run_display_name ?? run}</a>
    </span>
  );
}

function Overview({ made: { artifact } }: { made: Made }) {
  const hasContent = !WITHOUT_CONTENT.includes(typeWord(artifact.type)) && !!artifact.uri;
  const facts: [string, string | undefined][] = [
    ['Id', artifact.artifact_id],
    ['Number', artifact.artifact_number],
    ['Type', artifact.type],
    ['Size', sizeText(artifact.size_bytes)],
    ['SHA-256', artifact.sha256],
    ['URI', artifact.uri],
    ['Created', exactTime(artifact.created_at)],
  ];
  return (
    <div class="panel-body">
      <h2>Content and metadata</h2>
      <Artifact
        artifact={asOfTask(artifact)}
        contentUrl={hasContent ? contentUrl(artifact) : undefined}
        opened={hasContent}
      />
      <UserMetadata owner={{ artifact_id: artifact.artifact_id }} />
      <h2>Facts</h2>
      {typeWord(artifact.type) !== 'Metrics' && <Description id={artifact.artifact_id} />}
      <dl class="facts">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>
                <span class="mono">{value}</span> {COPIED.includes(name) && <Copy text={value!} />}
              </dd>
            </>
          ))}
      </dl>
    </div>
  );
}

function sizeText(bytes: string | undefined): string | undefined {
  if (bytes === undefined || Number(bytes) < 1024) return bytes && bytesText(bytes);
  return `${bytesText(bytes)} (${Number(bytes).toLocaleString('en')} bytes)`;
}

// Which clients of KFP 3.0 give; what holds metrics has none, and is not found there.
function Description({ id }: { id: string }) {
  const loaded = useLoaded(`description ${id}`, (signal) =>
    call<{ description?: string }>(`/apis/v2beta1/artifacts/${encodeURIComponent(id)}`, { signal }),
  );
  return loaded.data?.description ? <p class="pre">{loaded.data.description}</p> : null;
}

interface Use {
  run_id: string;
  run_display_name?: string;
  task_id?: string;
  task_name?: string;
  name?: string;
  is_output?: boolean;
  from_cache?: boolean;
}

function Uses({ id }: { id: string }) {
  const list = usePaged(`uses ${id}`, async (token, signal) => {
    const answer = await call<{ uses?: Use[]; next_page_token?: string }>(
      `/apis/penstock/v1/artifacts/${encodeURIComponent(id)}/runs`,
      {
        signal,
        query: { page_size: PAGE, page_token: token },
      },
    );
    return { rows: answer.uses ?? [], next: answer.next_page_token ?? '' };
  });
  const href = ({ run_id, task_id }: Use) =>
    hrefOf(['runs', 'details', run_id], { task: task_id, tab: task_id ? 'io' : undefined });
  if (list.error) return <Refused error={list.error} retry={list.refresh} />;
  if (list.loading) return <Loading />;
  if (list.rows.length === 0) return <p class="notice-empty">No run has made or used it.</p>;
  return (
    <Table
      label="Runs that made or used it"
      rows={list.rows}
      rowHeight={36}
      onEnd={list.more}
      hrefOf={href}
      keyOf={(use) => JSON.stringify([use.run_id, use.task_id, use.name, use.is_output])}
      columns={[
        {
          key: 'run',
          title: 'Run',
          width: 'minmax(180px, 1.2fr)',
          cell: (use) => <a href={hrefOf(['runs', 'details', use.run_id])}>{use.run_display_name ?? use.run_id}</a>,
        },
        {
          key: 'task',
          title: 'Task',
          width: 'minmax(140px, 1fr)',
          cell: (use) => <a href={href(use)}>{use.task_name || 'the run itself'}</a>,
        },
        {
          key: 'how',
          title: 'How',
          width: '160px',
          cell: (use) => `${use.is_output ? 'made' : 'took'} it${use.from_cache ? ', from the cache' : ''}`,
        },
        { key: 'name', title: 'As', width: 'minmax(100px, 1fr)', cell: (use) => use.name },
      ]}
    />
  );
}
