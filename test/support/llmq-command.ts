import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { devNull } from 'node:os';
import { resolve } from 'node:path';

export interface CommandRun {
  readonly code: number;
  /** Standard output. */
  readonly output: string;
  /** Standard error. */
  readonly errors: string;
}

const ENTRY = resolve(import.meta.dirname, '../../dist/interfaces/cli/llmq.main.js');
const REBUILD = resolve(import.meta.dirname, '../../dist/projection/rebuild/rebuild.main.js');

/** The command `llmq`, as a person would run it beside the service with this data folder. */
export function runLlmq(dataDir: string, ...args: string[]): Promise<CommandRun> {
  return run(ENTRY, dataDir, args);
}

/** The same beside a service whose NATS server is one of its own. */
export function runLlmqWith(
  dataDir: string,
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<CommandRun> {
  return run(ENTRY, dataDir, args, env);
}

/** The same with something on its standard input. */
export function runLlmqReading(dataDir: string, input: string, ...args: string[]): Promise<CommandRun> {
  return run(ENTRY, dataDir, args, {}, input);
}

/** `npm run projections:rebuild`, likewise. */
export function runRebuild(dataDir: string, ...args: string[]): Promise<CommandRun> {
  return run(REBUILD, dataDir, args);
}

function run(
  entry: string,
  dataDir: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
  input = '',
): Promise<CommandRun> {
  return new Promise((done) => {
    const { stdin } = execFile(
      process.execPath,
      [entry, ...args],
      { env: { ...envOf(dataDir), ...more } },
      (error, output, errors) => {
        done({ code: error === null ? 0 : Number(error.code), output, errors });
      },
    );
    // A command that does not read it may be gone before it is written.
    stdin?.on('error', () => undefined).end(input);
  });
}

export interface StartedCommand {
  readonly process: ChildProcess;
  /** Of standard output, without the last one while it is not whole. */
  readonly lines: () => string[];
}

/** The same for a command that goes on until it is interrupted. */
export function startLlmq(dataDir: string, ...args: string[]): StartedCommand {
  const child = spawn(process.execPath, [ENTRY, ...args], {
    env: envOf(dataDir),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return { process: child, lines: () => output.split('\n').slice(0, -1) };
}

/** Nothing that would lead it to other servers. */
function envOf(dataDir: string): NodeJS.ProcessEnv {
  const { PATH, HOME, NATS_SERVER_BIN } = process.env;
  return { PATH, HOME, NATS_SERVER_BIN, LLMQ_DATA_DIR: dataDir, LLMQ_CONFIG: devNull };
}
