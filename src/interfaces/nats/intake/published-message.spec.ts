import { describe, expect, it } from '@jest/globals';
import type { Msg } from '@nats-io/transport-node';
import type { Delivery } from '../../../broker/acks.js';
import { RefusedError } from '../../../submission/refusal.js';
import { readPublished } from './published-message.js';

const PLACE = { root: 'llmq.', stream: 'LLMQ_INTAKE', lane: 'high', maxFields: 100, tenant: 'acme' } as const;
const DELIVERY = { delivery: 1, streamSequence: 7 } as Delivery;

describe('a published message', () => {
  it('whose headers the client cannot read is refused, and has the id of its place', () => {
    const message = {
      subject: 'llmq.intake.high',
      reply: '$JS.ACK.LLMQ_INTAKE.intake_high.1.7.7.1700000000000000000.0',
      data: Buffer.from('{"user_id":"u","content":"Hi"}'),
      get headers(): never {
        throw new Error('values cannot contain \\r or \\n');
      },
    } as unknown as Msg;
    const read = readPublished(message, DELIVERY, PLACE);
    expect(read.submission).toBeInstanceOf(RefusedError);
    expect((read.submission as RefusedError).refusal).toMatchObject({ problems: [{ field: 'headers' }] });
    expect(read).toMatchObject({ headerName: null, mayBeThere: false });
    expect(readPublished(message, { ...DELIVERY, delivery: 2 }, PLACE).id).toBe(read.id);
  });
});
