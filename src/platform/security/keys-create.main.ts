import { Command } from 'commander';
import { configOption } from '../config/config-option.js';
import { createKeyCommand } from './create-key.js';

/** `npm run keys:create`, and `llmq keys create` does the same. */
await createKeyCommand(new Command('keys:create')).addOption(configOption()).parseAsync();
