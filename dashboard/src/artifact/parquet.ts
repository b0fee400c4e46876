// The first rows of a Parquet file: its footer and what they lie in are read, not the file.

import { parquetMetadataAsync, parquetReadObjects, parquetSchema, type AsyncBuffer } from 'hyparquet';
import { ApiError, send } from '../api/http';

const READ_BYTES = 32 << 20; // of columns that are shown

export interface ParquetHead {
  rows: string[][]; // the names of columns first
  total: number; // rows of the file
  hidden: number; // columns that are not shown
}

async function bufferOf(url: string, signal: AbortSignal): Promise<AsyncBuffer> {
  const whole = await send(url, { method: 'HEAD', signal });
  const byteLength = Number(whole.headers.get('Content-Length'));
  return {
    byteLength,
    slice: async (start: number, end = byteLength) =>
      (await send(url, { signal, range: [start, end - 1] })).arrayBuffer(),
  };
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array)
    return [...value.subarray(0, 32)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  if (typeof value !== 'object') return String(value);
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)).slice(0, 500);
}

export async function parquetHead(url: string, most: number, signal: AbortSignal): Promise<ParquetHead> {
  const file = await bufferOf(url, signal);
  try {
    const metadata = await parquetMetadataAsync(file);
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    const sizes = new Map<string, number>();
    for (const { meta_data: column } of metadata.row_groups[0]?.columns ?? []) {
      const name = column?.path_in_schema[0] ?? '';
      sizes.set(name, (sizes.get(name) ?? 0) + Number(column?.total_compressed_size ?? 0));
    }
    let bytes = 0;
    const shown = names.filter((name) => {
      const size = sizes.get(name) ?? 0;
      if (bytes + size > READ_BYTES) return false;
      bytes += size;
      return true;
    });
    const total = Number(metadata.num_rows);
    const inFirst = Number(metadata.row_groups[0]?.num_rows ?? 0);
    const rows =
      shown.length > 0 && inFirst > 0
        ? await parquetReadObjects({ file, metadata, columns: shown, rowStart: 0, rowEnd: Math.min(most, inFirst) })
        : [];
    return {
      rows: [shown, ...rows.map((row) => shown.map((name) => textOf(row[name])))],
      total,
      hidden: names.length - shown.length,
    };
  } catch (error) {
    if (signal.aborted || error instanceof ApiError) throw error;
    throw new Error(`It begins as a Parquet file and cannot be read as one: ${(error as Error).message}`);
  }
}
