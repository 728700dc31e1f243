import type { StoredFile } from '../../../operations/batches/files/file.state.js';

/** In OpenAI's form. Its `status` says nothing any more there, and clients of before look at it. */
export function fileJson({ id, bytes, createdAtMs, expiresAtMs, name, purpose }: StoredFile): object {
  return {
    ...{ id, object: 'file', bytes, filename: name, purpose, status: 'processed' },
    created_at: Math.floor(createdAtMs / 1_000),
    ...(expiresAtMs === null ? {} : { expires_at: Math.floor(expiresAtMs / 1_000) }),
  };
}
