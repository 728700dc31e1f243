import { conversationKey, isGivenId, shownId } from './given-id.policy.js';

const UUID = '0195f000-0000-7000-8000-00000000000A';

it.each(['a', 'user-42', 'A.b_c:d-e', 'x'.repeat(128), '0195f000'])('takes %j', (id) => {
  expect(isGivenId(id)).toBe(true);
});

it.each(['', 'x'.repeat(129), 'with space', 'ä', 'a/b', 'a\n', UUID, UUID.toLowerCase(), 7, null])(
  'does not take %j',
  (id) => {
    expect(isGivenId(id)).toBe(false);
  },
);

it('is shown by the id that its client gave it', () => {
  expect(shownId({ id: UUID, givenId: 'mine' })).toBe('mine');
  expect(shownId({ id: UUID, givenId: null })).toBe(UUID);
});

it('knows a UUID in upper case, and tells given ids apart by their case', () => {
  expect(conversationKey(UUID)).toBe(UUID.toLowerCase());
  expect(conversationKey('Mine')).toBe('Mine');
});
