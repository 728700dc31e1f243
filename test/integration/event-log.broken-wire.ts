import type { AddressInfo } from 'node:net';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** A wire to a NATS server that a test can spoil: what the server says can be lost, and the connection cut. */
export interface BrokenWire {
  readonly url: string;
  /** From now on nothing that the server says arrives, while all that it is told does. Ends with `cut` or `heal`. */
  swallowAnswers(): void;
  heal(): void;
  /** Closes all connections, and lets new ones pass unspoiled. */
  cut(): void;
  close(): Promise<void>;
}

export async function openBrokenWire(port: number): Promise<BrokenWire> {
  const sockets = new Set<Socket>();
  let swallowing = false;
  const server: Server = createServer((client) => {
    const upstream = dial(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      if (!swallowing) client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    swallowing = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    swallowAnswers: () => {
      swallowing = true;
    },
    heal: () => {
      swallowing = false;
    },
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
