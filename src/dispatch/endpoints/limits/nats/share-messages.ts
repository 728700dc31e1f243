import { z } from 'zod';

const units = z.number().int().nonnegative();
const shares = z.record(z.string(), units);
const resource = z.enum(['places', 'rpm', 'tpm']);

export const ledgerSchema = z.object({
  shares: z.object({ places: shares, rpm: shares, tpm: shares }),
  returning: z.array(z.object({ resource, units, atMs: z.number() })),
});

/** After each write, from who wrote. */
export const writtenSchema = z.object({
  endpoint: z.string().min(1),
  revision: z.number().int(),
  ledger: ledgerSchema,
});

/** A member has calls to make and no share for them. */
export const wantSchema = z.object({
  member: z.string().min(1),
  endpoint: z.string().min(1),
  lacks: z.array(z.object({ resource, units: z.number().int().positive() })),
});
export type Want = z.infer<typeof wantSchema>;
