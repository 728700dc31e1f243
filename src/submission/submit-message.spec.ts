import { jest } from '@jest/globals';
import type { Caller } from '../domain/caller.js';
import { LogFullError } from '../log/event-log.errors.js';
import { configSchema } from '../platform/config/config.schema.js';
import { refusedBy } from './refusal-of.js';
import type { Submission } from './submission.js';
import { SubmitMessage } from './submit-message.js';

const caller = { name: 'ann', role: 'client', tenant: 'acme' } as unknown as Caller;
const turn = {
  ...{ userId: 'ann', conversationId: 'c', request: { content: 'Hi', model: null, parameters: {} } },
  ...{ requestedPriority: 'low', metadata: {}, stream: false, source: 'rest' },
} as Submission;

/** A submission of turns of which double texting says that `cause` keeps them all out. */
function keptOut(cause: Error, full: LogFullError | null = null) {
  const error = jest.fn();
  const admission = { admit: jest.fn(() => null), settle: jest.fn() };
  const letIn = async (_: Caller, items: readonly object[]) => ({
    admitted: [],
    refused: items.map((item) => ({ item, error: refusedBy(cause) })),
    settle: async () => undefined,
  });
  const parts = [
    { append: () => Promise.reject(new Error('nothing is to be stored')) },
    { refusal: () => full },
    { serves: () => true },
    { prioritize: async () => ({ priority: 'low', reason: 'explicit', analysis: null }) },
    configSchema.parse({}),
    { newId: () => 'id', nowMs: () => 0 },
    admission,
    { admit: async (_: Caller, items: readonly object[]) => items },
    { letIn },
    {},
    { error },
  ];
  const submitMessage = new SubmitMessage(
    ...(parts as unknown as ConstructorParameters<typeof SubmitMessage>),
  );
  return { submitMessage, admission, error };
}

it('logs what nobody expected of double texting, since its client is told that the log has it', async () => {
  const cause = new TypeError('a bug');
  const { submitMessage, error } = keptOut(cause);
  await expect(submitMessage.submit(caller, turn)).rejects.toMatchObject({ code: 'internal' });
  expect(error).toHaveBeenCalledWith({ err: cause, message_id: 'id' }, expect.any(String));
});

it('gives back the place in the lane of each message that double texting keeps out', async () => {
  const { submitMessage, admission } = keptOut(new TypeError('a bug'));
  await submitMessage.submitMany(caller, [turn, turn]);
  expect(admission.admit).toHaveBeenCalledTimes(2);
  expect(admission.settle.mock.calls).toEqual([
    ['low', false],
    ['low', false],
  ]);
});

it('refuses before anything else while the log has no room', async () => {
  const full = new LogFullError('its disk has no room for new messages');
  const { submitMessage, admission } = keptOut(new TypeError('never asked'), full);
  await expect(submitMessage.submit(caller, turn)).rejects.toBe(full);
  expect(admission.admit).not.toHaveBeenCalled();
});
