/** A message whose row was changed, and whose it is. */
export interface ChangedMessage {
  readonly id: string;
  readonly tenant: string;
  readonly userId: string;
  readonly conversationId: string | null;
}

/** What one transaction of the projector changed: it took the tables from one sequence of the log to another. */
export interface Changes {
  /** The `to` of the changes before these; where it is another one, changes were missed. */
  readonly from: number;
  readonly to: number;
  /** Null where it is not told which: some were erased. */
  readonly messages: readonly ChangedMessage[] | null;
}
