import 'reflect-metadata';
import { Command } from 'commander';
import { configOption } from '../../platform/config/config-option.js';
import { loadConfig } from '../../platform/config/load-config.js';
import { printStartupError } from '../../platform/errors/startup-error.js';
import { createLogger } from '../../platform/logging/logger.js';
import { runCluster } from './run-cluster.js';

/** `npm run start:cluster`: the whole service on one machine, with nothing in it that is there only once but PostgreSQL. */
new Command('start:cluster')
  .description('Starts three NATS servers, PostgreSQL, and several processes of each role.')
  .addOption(configOption())
  .parse();

const starting = Promise.resolve().then(() => {
  // What it says of one process is not meant for this one, which has three servers for three copies.
  const config = loadConfig({ ...process.env, LLMQ_ROLES: '', NATS_REPLICAS: '1' });
  return runCluster(config, process.env, createLogger(config));
});

let stopping = false;
async function stop(): Promise<void> {
  // A terminal's Ctrl-C comes from the terminal and, forwarded, from npm's script as well.
  if (stopping) return;
  stopping = true;
  const cluster = await starting.catch(() => null);
  if (cluster !== null) process.exit(await cluster.stop());
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop());

try {
  const cluster = await starting;
  if (!stopping) process.stdout.write(cluster.overview);
} catch (error) {
  printStartupError(error);
  process.exit(1);
}
