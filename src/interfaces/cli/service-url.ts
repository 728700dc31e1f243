import { type Command, Option } from 'commander';
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
export async function addressOf({ url }: ServiceOptions): Promise<string> {
  const address = url || (await configuredUrl());
  if (address === null)
    throw new Error('The service takes any free port (server.port is 0); name it with --url.');
  return address.replace(/\/+$/, '');
}

/** The configuration is loaded only where it is needed: its schema takes longer than all else of a command. */
async function configuredUrl(): Promise<string | null> {
  const { loadConfig } = await import('../../platform/config/load-config.js');
  return serviceUrl(loadConfig(process.env));
}

/** Where the service of this configuration is reached from this machine; null where the system chooses its port. */
export function serviceUrl({ server: { host, port } }: Pick<ServiceConfig, 'server'>): string | null {
  if (port === 0) return null;
  const reached = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}
