import type { Command } from 'commander';
import { Api } from '../client/api.js';
import { CommandError } from '../command.error.js';
import { EXIT } from '../exit-codes.policy.js';
import { askedWords } from '../messages/asked-words.js';
import { gatherEntries } from '../messages/message-options.js';
import type { Entry } from '../messages/submission.policy.js';
import { type ServiceOptions, withServiceOptions } from '../service-url.js';
import { confirm } from '../terminal/confirm.js';
import { writeJson } from '../terminal/terminal.js';
import { endpointsText, endpointText } from './endpoints-text.policy.js';
import { pathOf, readEndpoint, readEndpoints } from './read-endpoints.js';

interface EndpointOptions extends ServiceOptions {
  readonly json?: boolean;
  readonly reason?: string;
  readonly set?: readonly Entry[];
  readonly yes?: boolean;
}

/** `llmq endpoints`: of all workers, for operators. */
export function endpointsCommand(endpoints: Command, signal: AbortSignal): void {
  const part = (name: string, description: string) =>
    withServiceOptions(
      endpoints.command(name).description(description).option('--json', 'what the service answered, as JSON'),
    );

  part('list', 'all endpoints and how they do').action(async (options: EndpointOptions) => {
    const rows = await readEndpoints(await Api.of(options, signal));
    if (options.json) writeJson(rows.map(({ endpoint, stats }) => ({ ...endpoint, stats })));
    else process.stdout.write(endpointsText(rows));
  });

  part('show', 'one endpoint with each of its models')
    .argument('<name>')
    .action(async (name: string, options: EndpointOptions) => {
      const row = await readEndpoint(await Api.of(options, signal), name);
      if (options.json) writeJson({ ...row.endpoint, stats: row.stats });
      else process.stdout.write(endpointText(row));
    });

  part('add', 'registers an endpoint')
    .argument(
      '[file]',
      'its description as JSON, as POST /api/v1/endpoints takes it; without it standard input',
    )
    .action(async (file: string | undefined, options: EndpointOptions) => {
      const described = descriptionOf(await askedWords([], file));
      const api = await Api.of(options, signal);
      const made = await api.json<{ name: string }>('POST', '/api/v1/endpoints', { json: described });
      tellDone(made, options, `${made.name} is registered.`);
    });

  part('change', 'changes parts of an endpoint; null goes back to what the configuration says')
    .argument('<name>')
    .requiredOption('--set <name=value>', 'as weight=2; repeatable', gatherEntries)
    .action(async (name: string, options: EndpointOptions) => {
      const api = await Api.of(options, signal);
      const json = Object.fromEntries(options.set ?? []);
      tellDone(await api.json('PATCH', pathOf(name), { json }), options, `${name} is changed.`);
    });

  part('drain', 'gives an endpoint no new calls')
    .argument('<name>')
    .option('--reason <text>', 'why')
    .action(async (name: string, options: EndpointOptions) => {
      const api = await Api.of(options, signal);
      const json = options.reason === undefined ? {} : { reason: options.reason };
      const drained = await api.json('POST', `${pathOf(name)}/drain`, { json });
      tellDone(drained, options, `${name} gets no new calls. Those under way end.`);
    });

  part('undrain', 'gives it calls again')
    .argument('<name>')
    .action(async (name: string, options: EndpointOptions) => {
      const api = await Api.of(options, signal);
      tellDone(await api.json('POST', `${pathOf(name)}/undrain`), options, `${name} gets calls again.`);
    });

  part('remove', 'removes an endpoint that was registered')
    .argument('<name>')
    .option('--yes', 'without being asked')
    .action(async (name: string, options: EndpointOptions) => {
      await confirm(`To remove ${name}`, options.yes ?? false, signal);
      const api = await Api.of(options, signal);
      await api.json('DELETE', pathOf(name));
      tellDone({ name, removed: true }, options, `${name} is removed.`);
    });
}

function tellDone(answer: unknown, { json }: EndpointOptions, text: string): void {
  if (json) writeJson(answer);
  else process.stdout.write(`${text}\n`);
}

function descriptionOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(`The description is no JSON: ${(error as Error).message}`, EXIT.failed);
  }
}
