import { access, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { GLOBAL_ACCOUNT, SERVICE_ACCOUNT } from './nats-accounts.policy.js';

/**
 * Whether the streams of a stopped server lie in the service's account. The first publisher moves them there, with one
 * rename of their folder; they stay there when it goes.
 */
export async function inServiceAccount(storeDir: string, wanted: boolean): Promise<boolean> {
  const folder = (account: string) => join(storeDir, 'jetstream', account);
  if (await exists(folder(SERVICE_ACCOUNT))) return true;
  if (!wanted) return false;
  if (await exists(folder(GLOBAL_ACCOUNT))) await rename(folder(GLOBAL_ACCOUNT), folder(SERVICE_ACCOUNT));
  return true;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
