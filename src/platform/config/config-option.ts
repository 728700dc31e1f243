import { Option } from 'commander';

/**
 * `--config <file>` of every program that reads the configuration. It takes the place of LLMQ_CONFIG in the
 * environment of this process, where all that reads the configuration looks.
 */
export function configOption(): Option {
  return new Option(
    '--config <file>',
    'the configuration file; without it the one that LLMQ_CONFIG names, else config.yaml in this folder',
  ).argParser((file: string) => {
    process.env['LLMQ_CONFIG'] = file;
    return file;
  });
}
