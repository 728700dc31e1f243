import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { readJsonFile, writePrivateFile } from './private-file.js';

const login = z.object({ user: z.string().min(1), password: z.string().min(16) });
const serversSchema = z.object({ nats: login, postgres: login });
/** `readers` came later: those of a folder that has none are made with the next start. */
const storedSchema = serversSchema.extend({ readers: serversSchema.optional() });

export type Login = z.infer<typeof login>;

export interface Credentials extends z.infer<typeof serversSchema> {
  /** Of people who look, and may change nothing. */
  readonly readers: z.infer<typeof serversSchema>;
}

/** The user of NATS, and the role of PostgreSQL, that may only read. */
export const READER = 'llmq_read';

/** Letters, digits, `-` and `_` only, so that it needs no quoting in URLs, SQL or configuration files. */
const newPassword = () => randomBytes(24).toString('base64url');

const newLogins = (user: string) => ({
  nats: { user, password: newPassword() },
  postgres: { user, password: newPassword() },
});

/** What is there already; null for nothing. */
export async function storedCredentials(path: string): Promise<z.infer<typeof storedSchema> | null> {
  const parsed = storedSchema.safeParse(await readJsonFile(path));
  return parsed.success ? parsed.data : null;
}

/** The servers' logins, made once for a data folder. A lost file is made anew, with other passwords. */
export async function loadOrCreateCredentials(path: string): Promise<Credentials> {
  const stored = await storedCredentials(path);
  const { nats, postgres, readers } = { readers: undefined, ...(stored ?? newLogins('llmq')) };
  if (readers !== undefined) return { nats, postgres, readers };
  const credentials = { nats, postgres, readers: newLogins(READER) };
  await writePrivateFile(path, `${JSON.stringify(credentials, null, 2)}\n`);
  return credentials;
}
