/**
 * What the broker says of a request for messages, instead of a message.
 * - `alive`: a heartbeat.
 * - `completed`: all that was asked for was sent. It can come when the next request is out already.
 * - `nothing`: there is no more of what a request asked for at once.
 * - `over`: the request has ended before that, as requests do: its time is over, or the next message does not fit into
 *   its bytes. How many messages are left of it stands in the header `Nats-Pending-Messages`.
 * - `broken`: anything else, such as a consumer that is gone, or a server whose JetStream is not up yet (503).
 */
export type PullStatus = 'alive' | 'completed' | 'nothing' | 'over' | 'broken';

/**
 * `code` and `description` are those of the status line, as in HTTP. The server uses 409 for many things that only
 * their texts tell apart (nats-server 2.15, `consumer.go`); an unknown text is taken for a broken pull, which costs a
 * new one and no message.
 */
export function pullStatus(code: number, description: string): PullStatus {
  const text = description.toLowerCase();
  if (code === 100) return 'alive';
  if (code === 404) return 'nothing';
  if (code === 408) return 'over';
  if (code === 409 && text === 'batch completed') return 'completed';
  if (code === 409 && text === 'message size exceeds maxbytes') return 'over';
  return 'broken';
}
