import { ConfigError } from '../../platform/config/config.error.js';
import { configFileOf, loadConfig } from '../../platform/config/load-config.js';

/**
 * Says on standard output what a start with this environment would refuse.
 *
 * @returns the exit code
 */
export function checkConfig(env: NodeJS.ProcessEnv): number {
  const { path, isRead } = configFileOf(env);
  if (!isRead) {
    process.stderr.write(`llmq: there is no ${path}. Name a file: llmq config check FILE\n`);
    return 1;
  }
  const warnings: string[] = [];
  try {
    loadConfig(env, process.cwd(), (warning) => warnings.push(warning), { unsetVariables: 'warn' });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stdout.write(`${path} can't be used:\n${listed(error.problems)}`);
    return 1;
  }
  process.stdout.write(`${path} is good.\n`);
  if (warnings.length > 0) process.stdout.write(`To look at:\n${listed(warnings)}`);
  return 0;
}

function listed(sentences: readonly string[]): string {
  return sentences.map((sentence) => `- ${sentence}\n`).join('');
}
