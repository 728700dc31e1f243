import 'reflect-metadata';
import type { Command } from 'commander';
import { withEventOptions } from './event-options.js';
import type { ExportOptions } from './events-export.command.js';
import type { SalvageOptions } from './events-salvage.command.js';
import type { VerifyCommandOptions } from './events-verify.command.js';
import type { Stores } from './stores.js';

/** `llmq events`: each reads the log from its servers, and loads what talks to them when it is asked for. */
export function eventsCommand(events: Command, signal: AbortSignal): void {
  withEventOptions(events.command('export').description('writes events as NDJSON'))
    .option('-o, --output <file>', 'to this file instead of standard output')
    .option('--append', 'appends to the file instead of replacing it')
    .action(async (options: ExportOptions) => {
      const { exportEvents } = await import('./events-export.command.js');
      await withStores((stores) => exportEvents(stores, options, signal));
    });

  withEventOptions(
    events.command('tail').description('writes events as they come, until it is interrupted'),
  ).action(async (options: ExportOptions) => {
    const { tailEvents } = await import('./events-export.command.js');
    await withStores((stores) => tailEvents(stores, options, signal));
  });

  events
    .command('verify')
    .description(
      'holds the log against its rules and PostgreSQL against the log; exit code 1 when one is broken',
    )
    .option('--json', 'the report as JSON')
    .action(async (options: VerifyCommandOptions) => {
      const { verifyEvents } = await import('./events-verify.command.js');
      process.exitCode = await withStores((stores) => verifyEvents(stores, options, signal));
    });

  events
    .command('salvage')
    .description(
      'writes the requests of messages that the log has lost and PostgreSQL still knows, as NDJSON to submit again',
    )
    .option('-o, --output <file>', 'to this file instead of standard output')
    .option('--tenant <name>', 'only messages of this tenant')
    .option('--open', 'only messages that had not ended')
    .action(async (options: SalvageOptions) => {
      const { salvageEvents } = await import('./events-salvage.command.js');
      await withStores((stores) => salvageEvents(stores, options, signal));
    });
}

async function withStores<T>(use: (stores: Stores) => Promise<T>): Promise<T> {
  const { openStores } = await import('./stores.js');
  const stores = await openStores(process.env);
  try {
    return await use(stores);
  } finally {
    await stores.close();
  }
}
