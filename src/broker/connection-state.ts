import type { NatsConnection } from '@nats-io/transport-node';

type Listener = () => void;

/** Whether the connection stands, as told by the client; it never gives up to come back, until it is closed. */
export class ConnectionState {
  private standing: boolean;
  private readonly downListeners = new Set<Listener>();
  private readonly upListeners = new Set<Listener>();

  constructor(private readonly connection: NatsConnection) {
    this.standing = !connection.isClosed();
    void this.follow();
  }

  get up(): boolean {
    return this.standing;
  }

  /** @returns what ends the subscription */
  onDown(listener: Listener): Listener {
    this.downListeners.add(listener);
    return () => this.downListeners.delete(listener);
  }

  /** @returns what ends the subscription */
  onUp(listener: Listener): Listener {
    this.upListeners.add(listener);
    return () => this.upListeners.delete(listener);
  }

  private async follow(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === 'disconnect' || type === 'close') this.change(false, this.downListeners);
      else if (type === 'reconnect') this.change(true, this.upListeners);
    }
    this.change(false, this.downListeners);
  }

  private change(standing: boolean, listeners: Set<Listener>): void {
    this.standing = standing;
    for (const listener of [...listeners]) listener();
  }
}
