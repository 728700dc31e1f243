import { aboutMessage } from './about-message.js';

it('names the message, and its trace where it is in one', () => {
  expect(aboutMessage('m')).toEqual({ message_id: 'm' });
  expect(aboutMessage('m', { tracestate: 'a=1' })).toEqual({ message_id: 'm' });
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
  expect(aboutMessage('m', { traceparent })).toEqual({
    message_id: 'm',
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    span_id: 'b7ad6b7169203331',
  });
});
