import type { ServiceConfig } from '../../platform/config/service-config.js';

/** Where the service of this configuration is reached from this machine; null where the system chooses its port. */
export function serviceUrl({ server: { host, port } }: Pick<ServiceConfig, 'server'>): string | null {
  if (port === 0) return null;
  const reached = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}
