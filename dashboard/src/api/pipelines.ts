// Calls about pipelines and their versions.

import type { Page } from '../paged';
import { ApiError, call } from './http';
import type { ApiStatus, Json } from './types';

export interface Pipeline {
  pipeline_id: string;
  display_name: string;
  name?: string;
  description?: string;
  created_at: string;
  tags?: Record<string, string>;
  error?: ApiStatus;
}

export interface PipelineVersion {
  pipeline_id: string;
  pipeline_version_id: string;
  display_name: string;
  name?: string;
  description?: string;
  created_at: string;
  package_url?: { pipeline_url?: string };
  code_source_url?: string;
  pipeline_spec?: { [name: string]: Json };
  tags?: Record<string, string>;
  error?: ApiStatus;
}

const PIPELINES = '/apis/v2beta1/pipelines';
const PAGE = 50;
const PACKAGE_BYTES = 32 << 20; // the most that the server takes

export function pathOf(pipelineId: string, versionId?: string): string {
  const path = `${PIPELINES}/${encodeURIComponent(pipelineId)}`;
  return versionId === undefined ? path : `${path}/versions/${encodeURIComponent(versionId)}`;
}

// A filter of lists: `key` holds `text`. Empty without a text.
export function holds(key: string, text: string): string {
  return text ? JSON.stringify({ predicates: [{ key, operation: 'IS_SUBSTRING', string_value: text }] }) : '';
}

export interface ListWanted {
  text: string;
  order: string; // "created_at desc"
}

export async function listPipelines(wanted: ListWanted, token: string, signal: AbortSignal, size = PAGE) {
  const answer = await call<{ pipelines?: Pipeline[]; next_page_token?: string }>(PIPELINES, {
    signal,
    query: {
      filter: holds('display_name', wanted.text.trim()),
      sort_by: wanted.order,
      page_size: size,
      page_token: token,
    },
  });
  return { rows: answer.pipelines ?? [], next: answer.next_page_token ?? '' };
}

// The newest first, which is also the one that counts as the latest.
export async function listVersions(
  pipelineId: string,
  token: string,
  signal: AbortSignal,
  size = PAGE,
): Promise<Page<PipelineVersion>> {
  const answer = await call<{ pipeline_versions?: PipelineVersion[]; next_page_token?: string; total_size?: number }>(
    `${pathOf(pipelineId)}/versions`,
    { signal, query: { page_size: size, sort_by: 'created_at desc', page_token: token } },
  );
  return { rows: answer.pipeline_versions ?? [], total: answer.total_size ?? 0, next: answer.next_page_token ?? '' };
}

export function getPipeline(pipelineId: string, signal: AbortSignal): Promise<Pipeline> {
  return call(pathOf(pipelineId), { signal });
}

export function getVersion(pipelineId: string, versionId: string, signal: AbortSignal): Promise<PipelineVersion> {
  return call(pathOf(pipelineId, versionId), { signal });
}

export interface PackageSource {
  name: string; // empty: the server makes one of the file's name
  description: string;
  file?: File;
  url: string; // where there is no file
}

// A pipeline with its first version.
export function addPipeline({ name, description, file, url }: PackageSource): Promise<Pipeline> {
  if (file) return call(`${PIPELINES}/upload`, { query: { name, description }, method: 'POST', body: formOf(file) });
  return call(`${PIPELINES}/create`, {
    body: { pipeline: { display_name: name, description }, pipeline_version: { package_url: { pipeline_url: url } } },
  });
}

export function addVersion(
  pipelineId: string,
  { name, description, file, url }: PackageSource,
): Promise<PipelineVersion> {
  if (file) {
    return call(`${PIPELINES}/upload_version`, {
      query: { name, description, pipelineid: pipelineId },
      method: 'POST',
      body: formOf(file),
    });
  }
  return call(`${pathOf(pipelineId)}/versions`, {
    body: { pipeline_id: pipelineId, display_name: name, description, package_url: { pipeline_url: url } },
  });
}

function formOf(file: File): FormData {
  // The server would break off the request, which says less.
  if (file.size > PACKAGE_BYTES)
    throw new ApiError(413, `${file.name} is larger than 32 MiB, which is the most that a package may have.`);
  const form = new FormData();
  form.append('uploadfile', file, file.name);
  return form;
}

export function deletePipeline(pipelineId: string): Promise<unknown> {
  return call(pathOf(pipelineId), { method: 'DELETE', query: { cascade: true } });
}

export function deleteVersion(pipelineId: string, versionId: string): Promise<unknown> {
  return call(pathOf(pipelineId, versionId), { method: 'DELETE' });
}
