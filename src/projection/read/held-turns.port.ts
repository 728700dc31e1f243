/** A held turn whose time has come. */
export interface ReadyTurn {
  readonly messageId: string;
  readonly behind: string;
  readonly attempt: number;
  readonly receivedSequence: number;
}

/** Turns that wait for an earlier one of their conversation, as far as the projection knows. */
export interface HeldTurns {
  /**
   * Those behind a message that has ended, or that was requeued since and stands behind them now: of the turns held behind one of these messages, and of these messages where
   * they are held themselves.
   */
  readyAmong(messageIds: readonly string[]): Promise<readonly ReadyTurn[]>;
  /** All of them, for who was not there when they became ready. */
  allReady(): Promise<readonly ReadyTurn[]>;
}
