/**
 * What the broker says of a pull, instead of an event.
 * - `alive`: a heartbeat.
 * - `completed`: all events asked for were sent. It can come when the next pull is under way already.
 * - `over`: the pull has ended before that, as pulls do: its time is over, or the next event does not fit into its bytes.
 * - `broken`: anything else, such as a consumer that is gone.
 */
export type PullStatus = 'alive' | 'completed' | 'over' | 'broken';

/**
 * `code` and `description` are those of the status line, as in HTTP. The server uses 409 for many things that only
 * their texts tell apart (nats-server 2.15, `consumer.go`); an unknown text is taken for a broken pull, which costs a
 * new one and no event.
 */
export function pullStatus(code: number, description: string): PullStatus {
  const text = description.toLowerCase();
  if (code === 100) return 'alive';
  if (code === 408 || code === 404) return 'over';
  if (code === 409 && text === 'batch completed') return 'completed';
  if (code === 409 && text === 'message size exceeds maxbytes') return 'over';
  return 'broken';
}
