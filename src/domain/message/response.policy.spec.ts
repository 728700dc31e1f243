import { endedAs, messageOfResponse, responseId } from './response.policy.js';

const ID = '019a0000-0000-7000-8000-000000000001';

it('has an id that tells its message', () => {
  expect(messageOfResponse(responseId(ID))).toBe(ID);
  for (const id of [ID, 'resp_1', `msg_${ID}_0`, 'resp_']) expect(messageOfResponse(id)).toBeNull();
});

it('is incomplete where its answer stopped before its end', () => {
  expect(['stop', 'tool_calls', null, 'length', 'content_filter'].map(endedAs)).toMatchObject([
    ...[{ status: 'completed' }, { status: 'completed' }, { status: 'completed' }],
    ...[{ incomplete: 'max_output_tokens' }, { incomplete: 'content_filter' }],
  ]);
});
