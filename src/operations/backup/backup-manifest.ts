import { z } from 'zod';

/** A back-up is a folder. This file in it is written last: without it the back-up is not whole. */
export const MANIFEST_FILE = 'backup.json';
export const FORMAT = 1;

const streamSchema = z.object({
  name: z.string(),
  /** In the same folder. */
  file: z.string().regex(/^[A-Za-z0-9_.-]+$/),
  bytes: z.number().int().nonnegative(),
  /** Hexadecimal. */
  sha256: z.string(),
  /** What the broker wants to be told when it takes the stream back. */
  config: z.looseObject({ name: z.string() }),
  state: z.looseObject({
    last_seq: z.number().int().nonnegative(),
    messages: z.number().int().nonnegative(),
  }),
});
export type BackupStream = z.infer<typeof streamSchema>;

export const manifestSchema = z.object({
  format: z.literal(FORMAT),
  /** ISO 8601, UTC. */
  created_at: z.string(),
  versions: z.object({ service: z.string(), nats_server: z.string() }),
  /** The log's end. The tables are built from the log up to here. */
  last_sequence: z.number().int().nonnegative(),
  /** Of the event there; null where the log is empty, or the event is erased. */
  last_event_id: z.string().nullable(),
  streams: z.array(streamSchema),
});
export type BackupManifest = z.infer<typeof manifestSchema>;

/** The back-up is not what was written. */
export class BackupDamagedError extends Error {
  readonly code = 'backup_damaged';
  constructor(file: string, detail: string) {
    super(`The back-up is damaged and was not restored: ${file} ${detail}. Use another back-up.`);
  }
}
