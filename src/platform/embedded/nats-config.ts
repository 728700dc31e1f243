import type { Login } from './credentials.js';

/** A message's content may be 4 MiB, and its event carries more than the content. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

export interface NatsServerSettings {
  readonly port: number;
  readonly login: Login;
  readonly storeDir: string;
  readonly pidFile: string;
  /** fsync before every acknowledgement. Off only where a test asks for speed. */
  readonly syncAlways: boolean;
}

/** The text of the server's configuration file. Its format is a superset of JSON, and JSON quotes paths safely. */
export function natsServerConfig(settings: NatsServerSettings): string {
  const config = {
    server_name: 'llmq-embedded',
    host: '127.0.0.1',
    port: settings.port,
    pid_file: settings.pidFile,
    max_payload: MAX_PAYLOAD_BYTES,
    authorization: settings.login,
    jetstream: {
      store_dir: settings.storeDir,
      ...(settings.syncAlways ? { sync_interval: 'always' } : {}),
    },
  };
  return `# Written by llm-message-queue at every start: changes are lost.\n${JSON.stringify(config, null, 2)}\n`;
}
