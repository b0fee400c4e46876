// Which pipeline is to run, and which version of it. Both stand in the address.

import { useMemo } from 'preact/hooks';
import { getPipeline, getVersion, listPipelines, listVersions, type PipelineVersion } from '../api/pipelines';
import type { Json } from '../api/types';
import { useLoaded, type Loaded } from '../load';
import { usePaged, type Paged } from '../paged';
import { versionTitle, withShown } from '../pipeline/version_words';
import { hrefOf, setQuery, type Place } from '../router';
import { specOf, type Spec } from '../run/tree';
import { Choose } from './choose';
import { Field } from './field';
import type { Origin } from './origin';
import type { Source } from './request';

const OFFERED = 20; // pipelines of a search

export interface Chosen {
  pipelineId: string;
  versionId: string; // as chosen; empty: the newest
  title: string; // of the pipeline
  version?: PipelineVersion; // that the fields are of
  versions: Paged<PipelineVersion>;
  spec?: Spec;
  stored?: { [name: string]: Json }; // of the run that is cloned, where it has no version
  loading: boolean;
  error?: Error;
}

export function useChosen(place: Place, origin: Origin | undefined): Chosen {
  const inPlace = place.query.get('pipelineId') ?? '';
  const pipelineId = inPlace || (origin?.reference?.pipeline_id ?? '');
  const versionId =
    place.query.get('pipelineVersionId') ?? (inPlace ? '' : (origin?.reference?.pipeline_version_id ?? ''));
  const pipeline = useLoaded(`pipeline ${pipelineId}`, async (signal) =>
    pipelineId ? getPipeline(pipelineId, signal) : undefined,
  );
  const versions = usePaged<PipelineVersion>(`versions ${pipelineId}`, async (token, signal) =>
    pipelineId ? listVersions(pipelineId, token, signal) : { rows: [], next: '' },
  );
  const listed = versionId ? versions.rows.find((one) => one.pipeline_version_id === versionId) : versions.rows[0];
  const missing = versionId && !versions.loading && !listed ? versionId : '';
  const older = useLoaded(`version ${missing}`, async (signal) =>
    missing ? getVersion(pipelineId, missing, signal) : undefined,
  );
  const version = pipelineId ? (listed ?? older.data) : undefined;
  const stored = pipelineId ? undefined : origin?.spec;
  const compiled = version?.pipeline_spec ?? stored;
  const spec = useMemo(() => compiled && specOf({ pipeline_spec: compiled }), [compiled]);
  const error = pipeline.error ?? versions.error ?? older.error;
  return {
    pipelineId,
    versionId,
    version,
    versions,
    spec,
    stored,
    error,
    title: pipeline.data?.display_name ?? spec?.pipelineInfo?.name ?? '',
    loading: !error && !spec && (versions.loading || !!missing || isFirst(pipeline)),
  };
}

function isFirst(loaded: Loaded<unknown>): boolean {
  return loaded.loading && loaded.data === undefined;
}

export function sourceOf(chosen: Chosen, latest: boolean): Source | undefined {
  if (chosen.version) {
    const { pipeline_id, pipeline_version_id } = chosen.version;
    return { reference: latest ? { pipeline_id } : { pipeline_id, pipeline_version_id } };
  }
  return chosen.stored && { spec: chosen.stored };
}

interface Props {
  chosen: Chosen;
  origin: Origin | undefined;
  recurring: boolean;
  error: string | undefined;
}

async function offered(text: string, signal: AbortSignal) {
  const { rows } = await listPipelines({ text, order: 'created_at desc' }, '', signal, OFFERED);
  return rows.map((one) => ({
    id: one.pipeline_id,
    title: one.display_name || one.pipeline_id,
    hint: one.description?.split('\n')[0],
  }));
}

export function PipelineChoice({ chosen, origin, recurring, error }: Props) {
  const own = origin && (origin.reference || origin.spec);
  const isOther = own && chosen.pipelineId !== '' && chosen.pipelineId !== origin.reference?.pipeline_id;
  const shown = chosen.title || (chosen.pipelineId && !chosen.loading ? chosen.pipelineId : '');
  return (
    <>
      <Field
        id="pipeline"
        label="Pipeline"
        required
        error={error}
        hint={
          chosen.stored &&
          `As it was compiled for the ${origin!.what} ${origin!.name}; it is no version of a pipeline that is stored.`
        }
      >
        {(about) => (
          <div class="input-row">
            <Choose
              about={about}
              shown={shown}
              placeholder="Search by name"
              load={offered}
              choose={({ id }) => setQuery({ pipelineId: id, pipelineVersionId: undefined })}
            />
            {isOther && (
              <button
                type="button"
                class="quiet"
                onClick={() => setQuery({ pipelineId: undefined, pipelineVersionId: undefined })}
              >
                As in the {origin.what}
              </button>
            )}
          </div>
        )}
      </Field>
      {(chosen.version || chosen.versions.rows.length > 0) && <VersionChoice chosen={chosen} recurring={recurring} />}
    </>
  );
}

function VersionChoice({ chosen, recurring }: { chosen: Chosen; recurring: boolean }) {
  const { pipelineId, versionId, version, versions } = chosen;
  const about = version && (
    <>
      <a href={hrefOf(['pipelines', 'details', pipelineId, 'version', version.pipeline_version_id])}>Look at it</a>
      {version.description && `\n${version.description}`}
    </>
  );
  return (
    <Field id="version" label="Version" hint={about}>
      {(attributes) => (
        <div class="input-row">
          <select
            {...attributes}
            value={recurring && !versionId ? '' : version?.pipeline_version_id}
            onChange={(event) => setQuery({ pipelineId, pipelineVersionId: event.currentTarget.value || undefined })}
          >
            {recurring && <option value="">The newest at each time</option>}
            {withShown(versions.rows, version).map((one) => (
              <option key={one.pipeline_version_id} value={one.pipeline_version_id}>
                {versionTitle(one, versions.rows[0])}
              </option>
            ))}
          </select>
          {versions.next && (
            <button type="button" class="quiet" onClick={versions.more}>
              Older ones
            </button>
          )}
        </div>
      )}
    </Field>
  );
}
