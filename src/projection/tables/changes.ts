/** A message whose row was changed, and whose it is. */
export interface ChangedMessage {
  readonly id: string;
  readonly tenant: string;
  readonly userId: string;
  readonly conversationId: string | null;
}

/** A message or a whole conversation that is there no more. */
export interface Erased {
  readonly kind: 'message' | 'conversation';
  readonly tenant: string;
  readonly id: string;
}

/** What one transaction of the projector changed: it took the tables from one sequence of the log to another. */
export interface Changes {
  /** The `to` of the changes before these; where it is another one, changes were missed. */
  readonly from: number;
  readonly to: number;
  /** Null where it is not told which, since a projector begins. */
  readonly messages: readonly ChangedMessage[] | null;
  readonly erased: readonly Erased[];
}
