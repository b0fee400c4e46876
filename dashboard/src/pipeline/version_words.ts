// Versions where one is chosen. Pure.

import type { PipelineVersion } from '../api/pipelines';
import { agoText } from '../words';

// The one that is shown stands among them, also if it is older than those that are loaded.
export function withShown(rows: PipelineVersion[], shown: PipelineVersion | undefined): PipelineVersion[] {
  return !shown || rows.some((one) => one.pipeline_version_id === shown.pipeline_version_id) ? rows : [shown, ...rows];
}

export function versionTitle(version: PipelineVersion, newest: PipelineVersion | undefined): string {
  const isNewest = version.pipeline_version_id === newest?.pipeline_version_id;
  return `${version.display_name}, ${isNewest ? 'the newest' : agoText(version.created_at, Date.now())}`;
}
