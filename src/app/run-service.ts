import 'reflect-metadata';
import { Command } from 'commander';
import { configOption } from '../platform/config/config-option.js';
import { loadConfig } from '../platform/config/load-config.js';
import { printStartupError } from '../platform/errors/startup-error.js';
import { keepHeapsSmall } from '../platform/heap.js';
import { listenToSupervisor } from '../platform/processes/supervisor-channel.js';
import { startTelemetry } from '../platform/telemetry/telemetry.js';
import { VERSION } from '../platform/version.js';
import type { RunningService } from './start-service.js';

new Command('llm-message-queue')
  .description('Starts the service. Everything else is in the configuration.')
  .version(VERSION)
  .addOption(configOption())
  .parse();

keepHeapsSmall();

/** Telemetry first: what it is to tell of is loaded behind it. */
async function start(): Promise<RunningService> {
  const config = loadConfig(process.env);
  const telemetry = startTelemetry(config, process.env);
  const { startService } = await import('./start-service.js');
  return startService(config, telemetry);
}

const starting = start();

// A signal during the start waits for it: half a start leaves servers running that only the next start would find.
// Repeats are ignored: a terminal's Ctrl-C comes from the terminal and, forwarded, from `npm start` as well.
let stopping = false;
async function stop(reason: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  const service = await starting.catch(() => null);
  if (service !== null) process.exit(await service.stop(reason));
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);

async function drain(): Promise<void> {
  await (await starting.catch(() => null))?.drain();
  await stop('drained');
}
const tellReady = listenToSupervisor({
  drain: () => void drain(),
  gone: () => void stop('its supervisor is gone'),
});

try {
  const { greeting, baseUrl } = await starting;
  process.stdout.write(greeting);
  tellReady(baseUrl);
} catch (error) {
  printStartupError(error);
  process.exit(1);
}
