import { v7 as uuidv7 } from 'uuid';
import type { Lane } from '../../domain/message/lane.policy.js';
import { costOf, type Outcome, type Price, replayFilter } from '../../operations/replay/replay.policy.js';
import {
  findWindow,
  type ReplayedMessage,
  refuseUnserved,
  replayAll,
} from '../../operations/replay/replay-window.js';
import { ServiceClient } from '../../operations/replay/service-client.js';
import { systemSources } from '../../platform/clock.js';
import { addressOf, type ServiceOptions } from './service-url.js';
import { table } from './table.policy.js';

export interface ReplayOptions extends ServiceOptions {
  readonly from: string;
  readonly to: string;
  readonly filter: readonly string[];
  readonly model?: string;
  readonly priority?: Lane;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly atOnce: number;
  readonly timeout: number;
  readonly price: readonly [string, Price][];
}

/**
 * Sends a past window's messages again, and writes how both runs of each ended.
 *
 * @returns the exit code: 1 when a message could not be sent again, or was and got no answer
 * @throws {Error} for an empty window
 */
export async function replay(options: ReplayOptions, signal: AbortSignal): Promise<number> {
  const { from, to, model, priority, json } = options;
  if (Date.parse(from) >= Date.parse(to)) throw new Error('The window is empty: --to is not behind --from.');
  const client = new ServiceClient({
    url: await addressOf(options),
    apiKey: options.apiKey || undefined,
    signal,
  });
  if (model !== undefined) await refuseUnserved(client, model);
  const ids = await findWindow(client, { from, to, filter: replayFilter(options.filter) });
  const prices = new Map(options.price);
  const replayed: ReplayedMessage[] = [];
  const run = {
    ...{ runId: uuidv7(), changes: { model, priority }, dryRun: options.dryRun ?? false },
    ...{
      atOnce: Math.max(1, options.atOnce),
      answerTimeoutMs: options.timeout * 1_000,
      steadyMs: systemSources.steadyMs,
    },
  };
  await replayAll(client, ids, run, (message) => {
    replayed.push(message);
    if (json) process.stdout.write(`${JSON.stringify(messageJson(message, prices))}\n`);
    else if (process.stderr.isTTY) process.stderr.write(`\r${replayed.length} of ${ids.length}`);
  });
  const order = new Map(ids.map((id, at) => [id, at]));
  replayed.sort((one, other) => order.get(one.id)! - order.get(other.id)!);
  if (!json) process.stdout.write(`${report(replayed, prices)}${sumOf(replayed, run.dryRun)}\n`);
  const failed = ({ error, replay }: ReplayedMessage) =>
    error !== null || (replay !== null && replay.status !== 'completed');
  return replayed.some(failed) ? 1 : 0;
}

function report(replayed: readonly ReplayedMessage[], prices: ReadonlyMap<string, Price>): string {
  const heading = [
    'message',
    'which',
    'status',
    'model',
    'characters',
    'waited ms',
    'call ms',
    'finish',
    'tokens in/out',
    'cost',
  ];
  const rows = replayed.flatMap(({ id, replayId, original, replay, error }) => [
    [id, 'before', ...cells(original, prices)],
    ...(replay === null ? [] : [[replayId ?? '', 'again', ...cells(replay, prices)]]),
    ...(error === null ? [] : [['', 'again', error]]),
  ]);
  return rows.length === 0 ? '' : `${table([heading, ...rows])}\n`;
}

function cells(outcome: Outcome, prices: ReadonlyMap<string, Price>): string[] {
  const { status, model, length, waitedMs, callMs, finishReason, promptTokens, completionTokens, error } =
    outcome;
  const cost = costOf(outcome, prices);
  return [
    ...[error === null ? status : `${status} (${error})`, model ?? '-', shown(length)],
    ...[rounded(waitedMs), rounded(callMs), finishReason ?? '-'],
    ...[`${shown(promptTokens)}/${shown(completionTokens)}`, cost === null ? '-' : cost.toFixed(6)],
  ];
}

function rounded(ms: number | null): string {
  return ms === null ? '-' : String(Math.round(ms));
}

function shown(value: number | null): string {
  return value === null ? '-' : String(value);
}

function sumOf(replayed: readonly ReplayedMessage[], dryRun: boolean): string {
  if (dryRun) return `${replayed.length} messages would be sent again.`;
  const sent = replayed.filter(({ replayId }) => replayId !== null).length;
  const answered = replayed.filter(({ replay }) => replay?.status === 'completed').length;
  return `${sent} of ${replayed.length} messages were sent again, ${answered} of them answered.`;
}

function messageJson(message: ReplayedMessage, prices: ReadonlyMap<string, Price>): Record<string, unknown> {
  const { id, replayId, original, replay, error } = message;
  return {
    ...{ id, replay_id: replayId, error, original: outcomeJson(original, prices) },
    replay: replay === null ? null : outcomeJson(replay, prices),
  };
}

function outcomeJson(outcome: Outcome, prices: ReadonlyMap<string, Price>): Record<string, unknown> {
  return {
    ...{ status: outcome.status, model: outcome.model, length: outcome.length, error: outcome.error },
    finish_reason: outcome.finishReason,
    usage: { prompt_tokens: outcome.promptTokens, completion_tokens: outcome.completionTokens },
    waited_ms: outcome.waitedMs,
    call_ms: outcome.callMs,
    cost: costOf(outcome, prices),
  };
}
