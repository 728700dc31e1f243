import fc from 'fast-check';
import * as ids from './response-ids.policy.js';

const ID = '019a0000-0000-7000-8000-000000000001';

describe('ids', () => {
  it('tell the conversation, by either of its names', () => {
    expect(ids.conversationNamed(ids.conversationIdFor(ID))).toBe(ID);
    expect(ids.conversationNamed(ids.conversationIdFor('my-chat'))).toBe('my-chat');
    expect(ids.conversationNamed('conv_7')).toBe('conv_7');
  });

  it('of items tell where they are', () => {
    const place = fc.record({
      messageId: fc.constant(ID),
      part: fc.constantFrom('asked' as const, 'answered' as const),
      index: fc.nat(999_999),
    });
    const type = fc.constantFrom('message', 'reasoning', 'function_call', 'function_call_output' as const);
    fc.assert(
      fc.property(type, place, (each, at) => {
        expect(ids.placeOfItem(ids.itemId(each, at))).toEqual(at);
      }),
    );
    for (const id of ['msg_1', `msg_${ID}`, `xx_${ID}_0`, `msg_${ID}_01`]) {
      expect(ids.placeOfItem(id)).toBeNull();
    }
  });
});
