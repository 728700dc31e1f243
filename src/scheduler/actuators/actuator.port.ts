/** What carries out how many slots there shall be. The sum over all models; workers serve all models. */
export interface Actuator {
  readonly kind: 'none' | 'slots' | 'processes' | 'kubernetes';
  /** Slots that take calls now or were ordered and will; not those that drain. Null: not known. */
  slots(): Promise<number | null>;
  /** How long a slot needs from its order to its first call, in milliseconds, as last seen or as set. */
  readonly startDelayMs: number;
  /**
   * Orders this size. Safe to repeat. Scaling down drains: no call is cut. `term` grows with each leader; an older term
   * is refused. @throws when it can't be ordered
   */
  scale(order: { readonly slots: number; readonly term: number; readonly reason: string }): Promise<void>;
  close(): Promise<void>;
}
