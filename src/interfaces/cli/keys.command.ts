import type { Command } from 'commander';
import { createKeyCommand } from '../../platform/security/create-key.js';

/** `llmq keys`: needs neither servers nor a running service. */
export function keysCommand(keys: Command): void {
  createKeyCommand(keys.command('create'));
}
