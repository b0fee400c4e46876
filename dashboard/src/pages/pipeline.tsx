// One pipeline: its graph, what it takes, the compiled text and the difference of two versions.

import { useEffect } from 'preact/hooks';
import {
  addVersion,
  deletePipeline,
  deleteVersion,
  getPipeline,
  getVersion,
  listVersions,
  type Pipeline,
  type PipelineVersion,
} from '../api/pipelines';
import { useLoaded } from '../load';
import { usePaged, type Paged } from '../paged';
import { Confirm } from '../parts/confirm';
import { Empty, Loading, Refused, Show } from '../parts/notice';
import { useCommands, useKeys } from '../parts/palette';
import { Tabs } from '../parts/tabs';
import { Ago } from '../parts/time';
import { tell } from '../parts/toast';
import { DifferenceView } from '../pipeline/difference_view';
import { Interface } from '../pipeline/interface';
import { SpecText } from '../pipeline/spec_text';
import { Upload } from '../pipeline/upload';
import { VersionGraph } from '../pipeline/version_graph';
import { VersionList, VersionSelect } from '../pipeline/versions';
import { specOf } from '../run/tree';
import { go, hrefOf, setQuery, type Place } from '../router';

const TABS: [string, string][] = [
  ['graph', 'Graph'],
  ['inputs', 'Inputs and outputs'],
  ['spec', 'Compiled'],
  ['versions', 'Versions'],
  ['difference', 'Difference'],
];

// Of another version: the view stays, what was open in it does not.
function hrefOfVersion(place: Place, pipelineId: string, versionId: string): string {
  const query = { tab: place.query.get('tab') ?? undefined, against: place.query.get('against') ?? undefined };
  return hrefOf(['pipelines', 'details', pipelineId, 'version', versionId], query);
}

export default function PipelinePage({ place }: { place: Place }) {
  const pipelineId = place.path[2]!;
  const pipeline = useLoaded(`pipeline ${pipelineId}`, (signal) => getPipeline(pipelineId, signal));
  useEffect(() => {
    document.title = `${pipeline.data?.display_name ?? 'Pipeline'} - Penstock`;
  }, [pipeline.data?.display_name]);
  return (
    <div class="page">
      {!pipeline.data && (
        <div class="page-head">
          <h1>Pipeline</h1>
        </div>
      )}
      <Show of={pipeline}>{(data) => <Whole key={pipelineId} pipeline={data} place={place} />}</Show>
    </div>
  );
}

function Whole({ pipeline, place }: { pipeline: Pipeline; place: Place }) {
  const id = pipeline.pipeline_id;
  const versions = usePaged(`versions ${id}`, (token, signal) => listVersions(id, token, signal));
  const wanted = place.path[4];
  const uploads = place.query.get('upload') === 'true';
  useCommands([{ title: 'Upload a version of this pipeline', run: () => setQuery({ upload: 'true' }) }]);
  return (
    <>
      <div class="page-head">
        <h1>{pipeline.display_name || id}</h1>
        <span class="soft">
          created <Ago at={pipeline.created_at} />
        </span>
        <span class="grow" />
        <button aria-expanded={uploads} onClick={() => setQuery({ upload: uploads ? undefined : 'true' })}>
          Upload a version
        </button>
        <Confirm
          title="Delete"
          question="Delete this pipeline with all its versions? Runs stay; its schedules start no more runs."
          act={async () => {
            await deletePipeline(id);
            tell(`${pipeline.display_name} is deleted.`);
            go('#/pipelines');
          }}
        />
      </div>
      {pipeline.description && <p class="about pre">{pipeline.description}</p>}
      {uploads && (
        <Upload
          what="version"
          close={() => setQuery({ upload: undefined })}
          send={async (source) => {
            const made = await addVersion(id, source);
            tell(`${made.display_name} is stored.`);
            versions.refresh();
            go(hrefOf(['pipelines', 'details', id, 'version', made.pipeline_version_id]));
          }}
        />
      )}
      {versions.error && <Refused error={versions.error} retry={versions.refresh} />}
      {versions.loading && <Loading />}
      {!versions.loading && <OfVersion pipeline={pipeline} wanted={wanted} versions={versions} place={place} />}
    </>
  );
}

interface OfVersionProps {
  pipeline: Pipeline;
  wanted: string | undefined; // id; without it the newest
  versions: Paged<PipelineVersion>;
  place: Place;
}

function OfVersion({ pipeline, wanted, versions, place }: OfVersionProps) {
  const id = pipeline.pipeline_id;
  const listed = versions.rows.find((one) => one.pipeline_version_id === wanted);
  const older = useLoaded(`version ${wanted && !listed ? wanted : ''}`, async (signal) =>
    wanted && !listed ? getVersion(id, wanted, signal) : undefined,
  );
  const version = listed ?? (wanted ? older.data : versions.rows[0]);
  if (older.error) {
    return <Refused error={older.error} retry={older.reload} />;
  }
  if (wanted && !version) return <Loading />;
  if (!version) {
    return (
      <Empty title="This pipeline has no version yet">
        <button onClick={() => setQuery({ upload: 'true' })}>Upload a version</button>
      </Empty>
    );
  }
  return <Version version={version} versions={versions} place={place} />;
}

function Version({
  version,
  versions,
  place,
}: {
  version: PipelineVersion;
  versions: Paged<PipelineVersion>;
  place: Place;
}) {
  const { pipeline_id: pipelineId, pipeline_version_id: versionId } = version;
  const wanted = place.query.get('tab') ?? '';
  const tab = TABS.some(([key]) => key === wanted) ? wanted : 'graph';
  const start = hrefOf(['runs', 'new'], { pipelineId, pipelineVersionId: versionId });
  const plan = hrefOf(['runs', 'new'], { pipelineId, pipelineVersionId: versionId, recurring: '1' });
  useKeys({ Escape: () => setQuery(place.query.get('upload') ? { upload: undefined } : { task: undefined }) });
  useCommands([
    { title: 'New run of this version', run: () => go(start) },
    { title: 'New schedule of this version', run: () => go(plan) },
    ...TABS.map(([key, title]) => ({
      title: `Show ${title.toLowerCase()} of this pipeline`,
      run: () => setQuery({ tab: key }),
    })),
  ]);
  const spec = specOf({ pipeline_spec: version.pipeline_spec });
  return (
    <>
      <div class="filters">
        <VersionSelect
          id="version"
          label="Version"
          versions={versions}
          shown={version}
          choose={(chosen) => go(hrefOfVersion(place, pipelineId, chosen))}
        />
        <span class="soft small">
          <Ago at={version.created_at} />
        </span>
        {version.description && (
          <span class="soft small cut about-version" title={version.description}>
            {version.description}
          </span>
        )}
        <span class="grow" />
        <a class="primary" href={start}>
          New run of this version
        </a>
        <a class="button" href={plan}>
          Schedule it
        </a>
      </div>
      {version.error?.message && <p class="failure pre">{version.error.message}</p>}
      <Tabs label="Pipeline" tabs={TABS} at={tab} choose={(key) => setQuery({ tab: key })} />
      {tab === 'graph' && <VersionGraph spec={spec} place={place} />}
      {tab === 'inputs' && <Interface spec={spec} />}
      {tab === 'spec' && <SpecText key={versionId} spec={version.pipeline_spec ?? {}} name={version.display_name} />}
      {tab === 'versions' && (
        <VersionList
          versions={versions}
          shown={versionId}
          place={place}
          remove={async (one) => {
            await deleteVersion(pipelineId, one.pipeline_version_id);
            tell(`${one.display_name} is deleted.`);
            if (one.pipeline_version_id === versionId)
              go(hrefOf(['pipelines', 'details', pipelineId], { tab: 'versions' }));
            versions.refresh();
          }}
        />
      )}
      {tab === 'difference' && (
        <Difference version={version} versions={versions} against={place.query.get('against') ?? ''} />
      )}
    </>
  );
}

function Difference({
  version,
  versions,
  against,
}: {
  version: PipelineVersion;
  versions: Paged<PipelineVersion>;
  against: string;
}) {
  const { pipeline_id: pipelineId, pipeline_version_id: versionId } = version;
  // Without a choice, the version before.
  const at = versions.rows.findIndex((one) => one.pipeline_version_id === versionId);
  const before =
    against ||
    versions.rows[at + 1]?.pipeline_version_id ||
    versions.rows.find((one) => one !== version)?.pipeline_version_id ||
    '';
  const listed = versions.rows.find((one) => one.pipeline_version_id === before);
  const loaded = useLoaded(
    `against ${before}`,
    async (signal) => listed ?? (before ? getVersion(pipelineId, before, signal) : undefined),
  );
  if (!before) return <p class="notice-empty">There is no other version to compare this one with.</p>;
  return (
    <>
      <div class="filters layers">
        <VersionSelect
          id="against"
          label="What is new in it against"
          versions={versions}
          shown={loaded.data}
          choose={(chosen) => setQuery({ against: chosen })}
        />
        {loaded.data && (
          <a
            href={hrefOf(['pipelines', 'details', pipelineId, 'version', before], {
              tab: 'difference',
              against: versionId,
            })}
          >
            the other way round
          </a>
        )}
      </div>
      <Show of={loaded}>
        {(other) => (other ? <DifferenceView before={other.pipeline_spec} after={version.pipeline_spec} /> : null)}
      </Show>
    </>
  );
}
