import type { ScaleInputs } from '../../policy/scale-inputs.policy.js';

/** What a scaler may look at. The service shows the same to its own policy. */
export interface FleetView {
  readonly inputs: ScaleInputs;
  readonly readySlots: number;
  readonly runningCalls: number;
  readonly waitingMessages: number;
  /** Prompt tokens of the messages that wait. */
  readonly waitingPromptTokens: number;
}

export interface Scaler {
  readonly name: string;
  readonly everyMs: number;
  /** The slots that it wants from now on. */
  decide(view: FleetView): number;
}
