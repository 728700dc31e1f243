import { z } from 'zod';

/** Who does something to a conversation that only one may do at a time, and until when nobody else may. */
export const claimSchema = z.object({
  holder: z.string(),
  /** Milliseconds since 1970, by the clock of who wrote it. */
  until: z.number(),
});
export type Claim = z.infer<typeof claimSchema>;

export interface StoredClaim {
  readonly claim: Claim;
  /** For compare-and-set. */
  readonly revision: number;
}

/** - `summary`: asks for a summary. - `turn`: sends a message that may only be sent while no turn is open. */
export type ClaimKind = 'summary' | 'turn';

/**
 * Claims of all processes, every change by compare-and-set, so that of several one wins. There is deliberately no waiting
 * and no judging of claims here; whoever reads one decides whether it still counts.
 */
export interface Claims {
  /** @throws {LogUnavailableError} when the broker does not say */
  read(kind: ClaimKind, conversationId: string): Promise<StoredClaim | null>;
  /**
   * The new revision; null when another write came first.
   * @param revision as it was read, 0 for none
   * @throws {LogUnavailableError} when the broker does not say; the claim may have been written
   */
  write(kind: ClaimKind, conversationId: string, claim: Claim, revision: number): Promise<number | null>;
}

export const CLAIMS = Symbol('Claims');
