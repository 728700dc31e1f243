import type { Command } from 'commander';
import { redactSecrets } from '../../platform/logging/redact.js';
import { exitCodeOf, reportText, type ToldReport } from './doctor.policy.js';
import { addressOf, type ServiceOptions, withServiceOptions } from './service-url.js';

interface DoctorOptions extends ServiceOptions {
  readonly json?: boolean;
}

/** Longer than a report takes whose parts are all silent. */
const ANSWER_MS = 20_000;
const NOT_REACHED = 2;

/** `llmq doctor`: over REST, since only a running service knows how it is. */
export function doctorCommand(command: Command, signal: AbortSignal): void {
  withServiceOptions(command.option('--json', 'the report as JSON')).action(
    async (options: DoctorOptions) => {
      process.exitCode = await examine(options, signal);
    },
  );
}

/** @returns the exit code */
async function examine(options: DoctorOptions, signal: AbortSignal): Promise<number> {
  try {
    const url = await addressOf(options);
    const report = await ask(url, options.apiKey || null, signal);
    const text = options.json
      ? `${JSON.stringify(report, null, 2)}\n`
      : reportText(report, { url, withKey: Boolean(options.apiKey) });
    process.stdout.write(text);
    return exitCodeOf(report);
  } catch (error) {
    const detail = redactSecrets((error as Error).message);
    if (options.json)
      process.stdout.write(`${JSON.stringify({ verdict: 'not_reached', detail }, null, 2)}\n`);
    process.stderr.write(`llmq: ${detail}\n`);
    return NOT_REACHED;
  }
}

/** Asks once: whoever wants to know how the service is, now, is not served by a later answer. */
async function ask(url: string, apiKey: string | null, signal: AbortSignal): Promise<ToldReport> {
  const headers: Record<string, string> = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  const address = `${url}/api/v1/report`;
  const answer = await fetch(address, { headers, signal: within }).catch((error: Error) => {
    const cause = (error.cause as Error | undefined)?.message ?? error.message;
    throw new Error(`${address} got no answer: ${cause}. Is the service running, and is --url right?`);
  });
  if (answer.ok) return (await answer.json()) as ToldReport;
  const { detail = 'no reason given' } = (await answer.json().catch(() => ({}))) as { detail?: string };
  const hint = [401, 403].includes(answer.status)
    ? '. Give the key of an operator with --api-key (or LLMQ_KEY)'
    : '';
  throw new Error(`${address} was refused with ${answer.status}: ${detail}${hint}`);
}
