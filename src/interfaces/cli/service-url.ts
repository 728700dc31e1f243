import { type Command, Option } from 'commander';
import { loadConfig } from '../../platform/config/load-config.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';

export interface ServiceOptions {
  readonly url?: string;
  readonly apiKey?: string;
}

/** For commands that talk to the service over REST. */
export function withServiceOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--url <address>',
        'address of the service; by default this machine at the configured port',
      ).env('LLMQ_URL'),
    )
    .addOption(new Option('--api-key <key>', 'API key, if keys are configured').env('LLMQ_KEY'));
}

/**
 * Without a slash at the end. An empty variable counts as not set.
 * @throws {ConfigError} and {Error} where the configuration leaves the port to the system
 */
export function addressOf({ url }: ServiceOptions): string {
  const address = url || serviceUrl(loadConfig(process.env));
  if (address === null)
    throw new Error('The service takes any free port (server.port is 0); name it with --url.');
  return address.replace(/\/+$/, '');
}

/** Where the service of this configuration is reached from this machine; null where the system chooses its port. */
export function serviceUrl({ server: { host, port } }: Pick<ServiceConfig, 'server'>): string | null {
  if (port === 0) return null;
  const reached = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}
