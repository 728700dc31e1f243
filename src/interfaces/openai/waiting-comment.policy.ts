import type { WaitState } from '../../submission/waiting/message-wait.policy.js';

/** What a silent stream tells: `waiting position=3 for=slot`, `waiting for=turn`, or `running` while a model is asked. */
export function waitingComment(state: WaitState | null): string {
  if (state === null) return 'waiting';
  const { position, waitingFor } = state.wait;
  if (waitingFor === null) return state.status === 'processing' ? 'running' : 'waiting';
  return `waiting${position === null ? '' : ` position=${position}`} for=${waitingFor}`;
}
