import { Command, InvalidArgumentError } from 'commander';
import { startDemoModel } from './demo-server.js';

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
  };
}

interface Flags {
  readonly port: number;
  readonly host: string;
  readonly rate: number;
  readonly recordTexts: boolean;
}

const flags = new Command('demo-model')
  .description('An OpenAI-compatible server with a deterministic model, which can be told to misbehave.')
  .option('-p, --port <port>', 'port to listen on; 0 takes a free one', wholeNumber(0, 65_535), 8081)
  .option('--host <host>', 'address to listen on', '127.0.0.1')
  .option('-r, --rate <tokens>', 'tokens per second', wholeNumber(1, 1_000_000), 50)
  .option('--record-texts', 'let GET /demo/calls tell what was asked', false)
  .parse()
  .opts<Flags>();

try {
  const { port, host, rate, recordTexts } = flags;
  const server = await startDemoModel({ port, host, tokensPerSecond: rate, recordTexts });
  console.log(`demo model ready at ${server.url} (${rate} tokens/s)`);
  const stop = () => void server.close();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === 'EADDRINUSE' ? `port ${flags.port} on ${flags.host} is in use` : message;
  console.error(`The demo model can't start: ${why}. Choose another with --port, or 0 for a free one.`);
  process.exitCode = 1;
}
