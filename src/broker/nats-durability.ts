/** Whether an acknowledged write is on the disk, as far as this process can know. */
export interface NatsDurability {
  readonly fsync: 'per_write' | 'unknown';
  /** One plain sentence, for the log and for readiness. */
  readonly text: string;
}

/**
 * `sync_interval` is the server's own affair: neither INFO nor the JetStream API of an ordinary account tell it (only
 * the system account's `$SYS.REQ.SERVER.PING.JSZ` and the monitoring port's `/jsz?config=true` do, nats-server 2.15).
 * So it is known for the server that this service configures itself, and for any other the truth is "not verified".
 */
export function natsDurability(embedded: boolean): NatsDurability {
  return embedded
    ? { fsync: 'per_write', text: 'Accepted messages are fsynced per write.' }
    : {
        fsync: 'unknown',
        text: 'Accepted messages may be not fsynced per write: that is up to the NATS server and cannot be verified from here. Set "sync_interval: always" in its jetstream section; without it a power cut can lose what was accepted in the last two minutes.',
      };
}
