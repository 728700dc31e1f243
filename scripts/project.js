import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of `package.json`, with a separator at its end. */
export const PROJECT_ROOT = fileURLToPath(new URL('../', import.meta.url));

/** @param {...string} parts */
export function inProject(...parts) {
  return join(PROJECT_ROOT, ...parts);
}

/** Whether the sources are here, as they are not in an installed package or an image: those are built, and have their packages. */
export function isCheckout() {
  return existsSync(inProject('src'));
}
