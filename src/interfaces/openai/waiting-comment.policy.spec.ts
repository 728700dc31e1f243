import type { WaitState } from '../../submission/waiting/message-wait.policy.js';
import { waitingComment } from './waiting-comment.policy.js';

it.each<[string, WaitState | null]>([
  ['waiting position=3 for=slot', { status: 'pending', wait: { position: 3, waitingFor: 'slot' } }],
  ['waiting for=turn', { status: 'pending', wait: { position: null, waitingFor: 'turn' } }],
  ['waiting for=schedule', { status: 'scheduled', wait: { position: null, waitingFor: 'schedule' } }],
  ['running', { status: 'processing', wait: { position: null, waitingFor: null } }],
  ['waiting', { status: 'completed', wait: { position: null, waitingFor: null } }],
  ['waiting', null],
])('says %s', (text, state) => expect(waitingComment(state)).toBe(text));
