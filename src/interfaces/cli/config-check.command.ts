import type { Command } from 'commander';

/** `llmq config`: needs neither servers nor a running service. */
export function configCommand(config: Command): void {
  config
    .command('check')
    .description(
      'says what a start with this file, and with the environment variables of here, would refuse; exit code 1 then',
    )
    .argument('[file]', 'by default the one that a start in this folder would read')
    .action(async (file?: string) => {
      const { checkConfig } = await import('./check-config.js');
      process.exitCode = checkConfig({
        ...process.env,
        ...(file === undefined ? {} : { LLMQ_CONFIG: file }),
      });
    });
}
