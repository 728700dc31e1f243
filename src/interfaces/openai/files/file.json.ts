import type { StoredFile } from '../../../operations/batches/files/file.state.js';
import { isGrowing } from '../../../operations/batches/runner/results-so-far.js';

/** In OpenAI's form. `uploaded` are results that are not whole yet, `processed` all other files. */
export function fileJson(file: StoredFile): object {
  const { id, bytes, createdAtMs, expiresAtMs, name, purpose } = file;
  return {
    ...{ id, object: 'file', bytes, filename: name, purpose },
    status: isGrowing(file) ? 'uploaded' : 'processed',
    created_at: Math.floor(createdAtMs / 1_000),
    ...(expiresAtMs === null ? {} : { expires_at: Math.floor(expiresAtMs / 1_000) }),
  };
}
