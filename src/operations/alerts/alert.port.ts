/** Something that a person should know. Each type has further fields. */
export interface Alert {
  readonly type: 'dead_letter' | 'projection_stopped' | 'endpoint_state_changed' | 'log_room_changed';
  /** The same for every delivery of this alert. */
  readonly id: string;
}

/** Where an alert goes. Each receiver succeeds or fails on its own: one that is down does not delay the other. */
export interface AlertReceiver {
  readonly name: 'subject' | 'webhook';
  /** How long `deliver` may take, in milliseconds. */
  readonly withinMs: number;
  /**
   * Resolves when the receiver has it. It may get an alert more than once, under the same id.
   * @throws {Error} when it did not take it in time
   */
  readonly deliver: (alert: Alert) => Promise<void>;
}

export const ALERT_RECEIVERS = Symbol('AlertReceivers');
