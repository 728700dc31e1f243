/**
 * The cancelled messages that a lane, a schedule or a running call still holds, as every process knows them without
 * asking: a worker looks here before each call, and is told while it calls.
 *
 * Only what the log has counted as cancelled may be added, so an entry is never a wish. Whoever takes the message off
 * its lane or drops its schedule removes the entry; what is left behind by a crash goes by its age.
 */
export interface Cancellations {
  /** From memory. */
  has(messageId: string): boolean;
  /** Calls the listener with each message that is added, by any process. Returns the way to stop listening. */
  onAdded(listener: (messageId: string) => void): () => void;
  /**
   * Resolves when the entry is durable; by then it is on its way to all workers.
   * @throws when the broker did not confirm it; adding it again does no harm
   */
  add(messageId: string): Promise<void>;
  /** Forgets it here at once, and everywhere soon. Neither waits nor throws. */
  remove(messageId: string): void;
}

export const CANCELLATIONS = Symbol('Cancellations');
