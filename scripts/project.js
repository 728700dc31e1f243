import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of `package.json`, with a separator at its end. */
export const PROJECT_ROOT = fileURLToPath(new URL('../', import.meta.url));

/** @param {...string} parts */
export function inProject(...parts) {
  return join(PROJECT_ROOT, ...parts);
}
