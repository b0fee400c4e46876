// The versions of a pipeline: to choose one from, and as a list.

import type { PipelineVersion } from '../api/pipelines';
import type { Paged } from '../paged';
import { Confirm } from '../parts/confirm';
import { Table, type Column } from '../parts/table';
import { Ago } from '../parts/time';
import { go, hrefOf, setQuery, type Place } from '../router';
import { versionTitle, withShown } from './version_words';

interface SelectProps {
  id: string;
  label: string;
  versions: Paged<PipelineVersion>;
  shown: PipelineVersion | undefined;
  choose: (versionId: string) => void;
}

const MORE = ' more'; // no id of a version

export function VersionSelect({ id, label, versions, shown, choose }: SelectProps) {
  return (
    <>
      <label for={id}>{label}</label>
      <select
        id={id}
        class="version-select"
        value={shown?.pipeline_version_id}
        onChange={(event) => {
          if (event.currentTarget.value === MORE) {
            event.currentTarget.value = shown?.pipeline_version_id ?? '';
            versions.more();
          } else choose(event.currentTarget.value);
        }}
      >
        {withShown(versions.rows, shown).map((one) => (
          <option key={one.pipeline_version_id} value={one.pipeline_version_id}>
            {versionTitle(one, versions.rows[0])}
          </option>
        ))}
        {versions.next && <option value={MORE}>Older ones…</option>}
      </select>
    </>
  );
}

interface ListProps {
  versions: Paged<PipelineVersion>;
  shown: string; // id
  place: Place;
  remove: (version: PipelineVersion) => Promise<void>;
}

export function VersionList({ versions, shown, place, remove }: ListProps) {
  const open = (one: PipelineVersion) =>
    go(hrefOf([...place.path.slice(0, 3), 'version', one.pipeline_version_id], { tab: 'versions' }));
  const columns: Column<PipelineVersion>[] = [
    {
      key: 'name',
      title: 'Version',
      width: 'minmax(200px, 1.2fr)',
      cell: (one) => (
        <span class="two">
          <a href={hrefOf([...place.path.slice(0, 3), 'version', one.pipeline_version_id])} title={one.display_name}>
            {one.display_name}
          </a>
          <span class="soft small mono">{one.pipeline_version_id}</span>
        </span>
      ),
    },
    {
      key: 'about',
      title: 'Description',
      width: 'minmax(120px, 1fr)',
      cell: (one) => (
        <span class="soft" title={one.description}>
          {one.description}
        </span>
      ),
    },
    { key: 'created', title: 'Created', width: '100px', cell: (one) => <Ago at={one.created_at} /> },
    {
      key: 'compare',
      title: '',
      help: 'Compare',
      width: '90px',
      cell: (one) =>
        one.pipeline_version_id === shown ? (
          <span class="soft small">shown</span>
        ) : (
          <button
            onClick={() => setQuery({ tab: 'difference', against: one.pipeline_version_id })}
            aria-label={`Compare with ${one.display_name}`}
          >
            Compare
          </button>
        ),
    },
    {
      key: 'delete',
      title: '',
      help: 'Delete',
      width: '250px',
      cell: (one) => <Confirm title="Delete" question="Delete it?" act={() => remove(one)} />,
    },
  ];
  return (
    <Table
      label="Versions"
      columns={columns}
      rows={versions.rows}
      rowHeight={46}
      keyOf={(one) => one.pipeline_version_id}
      isOpen={(one) => one.pipeline_version_id === shown}
      onOpen={open}
      onEnd={versions.more}
    />
  );
}
