import type { Command } from 'commander';

/** Gives a command its arguments, options and work. */
export type FillCommand = (command: Command, signal: AbortSignal) => void;

/** A command as the help shows it. Its module is loaded when it is asked for: some load hundreds of others. */
export interface KnownCommand {
  readonly name: string;
  readonly group: string;
  readonly description: string;
  load(): Promise<FillCommand>;
}

const MESSAGES = 'Messages:';
const OPERATION = 'Operation:';
const RECORD = 'The record:';
const HERE = 'On this machine:';

/** Completes all others, so that all have to be loaded for it. */
export const COMPLETION = 'completion';

export const COMMANDS: readonly KnownCommand[] = [
  {
    ...{ name: 'submit', group: MESSAGES },
    description: 'submits a message, and with --wait or --stream writes its answer',
    load: async () => (await import('./messages/submit.command.js')).submitCommand,
  },
  {
    ...{ name: 'get', group: MESSAGES },
    description: 'shows a message with its answer, or its timeline',
    load: async () => (await import('./messages/get.command.js')).getCommand,
  },
  {
    ...{ name: 'watch', group: MESSAGES },
    description: 'follows a message to its end, or all of a conversation or user',
    load: async () => (await import('./messages/watch.command.js')).watchCommand,
  },
  {
    ...{ name: 'cancel', group: MESSAGES },
    description: 'cancels messages that wait or run',
    load: async () => (await import('./messages/cancel.command.js')).cancelCommand,
  },
  {
    ...{ name: 'chat', group: MESSAGES },
    description: 'a conversation in the terminal',
    load: async () => (await import('./chat/chat.command.js')).chatCommand,
  },
  {
    ...{ name: 'batch', group: MESSAGES },
    description: 'many requests as the lines of a file: upload, watch, fetch',
    load: async () => (await import('./batches/batch.command.js')).batchCommand,
  },
  {
    ...{ name: 'conversations', group: MESSAGES },
    description: 'conversations and what was said in them',
    load: async () => (await import('./conversations/conversations.command.js')).conversationsCommand,
  },
  {
    ...{ name: 'top', group: OPERATION },
    description: 'lanes, workers and endpoints as they are now, over and over',
    load: async () => (await import('./live/top.command.js')).topCommand,
  },
  {
    ...{ name: 'status', group: OPERATION },
    description: 'tells where the service, NATS and PostgreSQL are, and how to look at them',
    load: async () => (await import('./status.command.js')).statusCommand,
  },
  {
    ...{ name: 'doctor', group: OPERATION },
    description:
      'says what is wrong, the worst first, and what to do next; exit code 0 when all is well, 1 when something is wrong, 2 when that is not known',
    load: async () => (await import('./doctor.command.js')).doctorCommand,
  },
  {
    ...{ name: 'dlq', group: OPERATION },
    description: 'dead letters: messages that failed for good',
    load: async () => (await import('./dead-letters/dlq.command.js')).dlqCommand,
  },
  {
    ...{ name: 'endpoints', group: OPERATION },
    description: 'model endpoints: how they do, and changes of them',
    load: async () => (await import('./endpoints/endpoints.command.js')).endpointsCommand,
  },
  {
    ...{ name: 'events', group: RECORD },
    description: 'the log of events, read from its servers',
    load: async () => (await import('./events.command.js')).eventsCommand,
  },
  {
    ...{ name: 'replay', group: RECORD },
    description:
      "sends a past window's messages again as new ones, linked to the old, and compares the answers",
    load: async () => (await import('./replay.command.js')).replayCommand,
  },
  {
    ...{ name: 'backup', group: RECORD },
    description: "copies the log and the broker's other streams into a folder, while no process works",
    load: async () => (await import('./backup.command.js')).backupCommand,
  },
  {
    ...{ name: 'restore', group: RECORD },
    description:
      'puts a back-up into an empty place and builds the tables from it; the service must be stopped',
    load: async () => (await import('./backup.command.js')).restoreCommand,
  },
  {
    ...{ name: 'projections', group: RECORD },
    description: 'the tables in PostgreSQL: makes them anew from the log',
    load: async () => (await import('./projections.command.js')).projectionsCommand,
  },
  {
    ...{ name: 'config', group: HERE },
    description: 'the configuration',
    load: async () => (await import('./config-check.command.js')).configCommand,
  },
  {
    ...{ name: 'keys', group: HERE },
    description: 'API keys, and logins for NATS publishers',
    load: async () => (await import('./keys.command.js')).keysCommand,
  },
  {
    ...{ name: COMPLETION, group: HERE },
    description: 'prints a script that completes commands and options: for bash, zsh and fish',
    load: async () => (await import('./completion/completion.command.js')).completionCommand,
  },
];
