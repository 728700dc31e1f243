import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { readJsonFile, writePrivateFile } from './private-file.js';

const login = z.object({ user: z.string().min(1), password: z.string().min(16) });
const credentialsSchema = z.object({ nats: login, postgres: login });

export type Login = z.infer<typeof login>;
export type Credentials = z.infer<typeof credentialsSchema>;

/** Letters, digits, `-` and `_` only, so that it needs no quoting in URLs, SQL or configuration files. */
const newPassword = () => randomBytes(24).toString('base64url');

/** The servers' logins, made once for a data folder. A lost file is made anew, with other passwords. */
export async function loadOrCreateCredentials(path: string): Promise<Credentials> {
  const stored = credentialsSchema.safeParse(await readJsonFile(path));
  if (stored.success) return stored.data;
  const credentials = {
    nats: { user: 'llmq', password: newPassword() },
    postgres: { user: 'llmq', password: newPassword() },
  };
  await writePrivateFile(path, `${JSON.stringify(credentials, null, 2)}\n`);
  return credentials;
}
