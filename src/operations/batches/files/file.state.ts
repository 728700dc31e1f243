import { z } from 'zod';

/** What a file is for: a client's input of a batch, or what came of one. */
export const FILE_PURPOSES = ['batch', 'batch_output'] as const;
export type FilePurpose = (typeof FILE_PURPOSES)[number];

/** What is known of a file. Its content is an object of the object store under the same id, which was there before this. */
export const fileSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  /** As its client named it. */
  name: z.string(),
  bytes: z.number().int().nonnegative(),
  purpose: z.enum(FILE_PURPOSES),
  createdAtMs: z.number().int(),
  /** Null for one that is kept until it is deleted. */
  expiresAtMs: z.number().int().nullable(),
});
export type StoredFile = z.infer<typeof fileSchema>;

/** Of files that their tenant sees, and can delete. */
export function storedBytes(files: readonly StoredFile[], nowMs: number): number {
  return files.reduce((sum, file) => (isExpired(file, nowMs) ? sum : sum + file.bytes), 0);
}

export function isExpired({ expiresAtMs }: Pick<StoredFile, 'expiresAtMs'>, nowMs: number): boolean {
  return expiresAtMs !== null && nowMs >= expiresAtMs;
}
