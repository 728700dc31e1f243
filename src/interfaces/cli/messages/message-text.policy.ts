import { spanText, timeText } from '../terminal/amounts.policy.js';
import { type Paint, painted } from '../terminal/colour.policy.js';

/** A message as the service tells it; what a newer one adds is passed over. */
export interface ToldMessage {
  readonly id: string;
  readonly status: string;
  readonly user_id?: string;
  readonly conversation_id?: string | null;
  readonly priority: string;
  readonly priority_reason?: string | null;
  readonly model: string | null;
  readonly content?: string | null;
  readonly attempts?: number;
  readonly max_retries?: number | null;
  readonly created_at?: string;
  readonly scheduled_at?: string | null;
  readonly deadline?: string | null;
  readonly started_at?: string | null;
  readonly completed_at?: string | null;
  readonly position?: number | null;
  readonly eta_seconds?: number | null;
  readonly waiting_for?: string | null;
  readonly result?: ToldResult | null;
  readonly error?: { readonly code: string; readonly message: string } | null;
}

export interface ToldResult {
  readonly content?: string | null;
  readonly tool_calls?: readonly unknown[] | null;
  readonly data?: readonly unknown[];
  readonly choices?: readonly { readonly content?: string | null }[];
  readonly finish_reason?: string | null;
  readonly model?: string | null;
  readonly endpoint?: string | null;
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly cost?: string | null;
}

const OPEN = ['pending', 'scheduled', 'processing'];

export function hasEnded({ status }: Pick<ToldMessage, 'status'>): boolean {
  return !OPEN.includes(status);
}

const WAITS_FOR: Readonly<Record<string, string>> = {
  slot: 'waits for a free worker',
  endpoint: 'waits for an endpoint of its model',
  turn: 'waits for an earlier turn of its conversation',
  schedule: 'waits for its time',
  paused: 'its lane is paused',
};

/** Where it stands, in one line: `pending in normal, position 2, in about 4 s, waits for a free worker`. */
export function standingText(message: ToldMessage): string {
  const { status, priority, position, eta_seconds: eta, waiting_for: reason, scheduled_at: due } = message;
  const facts = [
    `${status} in ${priority}`,
    position == null ? null : `position ${position}`,
    eta == null ? null : `in about ${spanText(eta)}`,
    reason == null ? null : (WAITS_FOR[reason] ?? `waits for ${reason}`),
    due == null ? null : `due ${timeText(due)}`,
  ];
  return facts.filter((fact) => fact !== null).join(', ');
}

/** What the model said. Its calls of tools, embeddings and further answers are told as JSON. */
export function answerText({ content, tool_calls: calls, data, choices }: ToldResult): string {
  if (choices !== undefined && choices.length > 1) return `${JSON.stringify(choices, null, 2)}\n`;
  const parts = [
    content ? content : null,
    calls == null || calls.length === 0 ? null : JSON.stringify(calls, null, 2),
    data === undefined ? null : JSON.stringify(data),
  ];
  return parts
    .filter((part) => part !== null)
    .map((part) => (part.endsWith('\n') ? part : `${part}\n`))
    .join('');
}

/** Why there is no answer. */
export function endText({ id, status, error }: ToldMessage): string {
  const reason = error ? `: ${error.message} (${error.code})` : '.';
  return `The message ${id} is ${status}${reason}`;
}

/** All of a message, without what was asked and answered. */
export function messageText(message: ToldMessage, paint: Paint): string {
  const { result, error } = message;
  const usage = result?.usage;
  const facts: [string, string | null | undefined][] = [
    ['message', message.id],
    ['status', painted(paint, message.status)],
    ['lane', laneText(message)],
    ['user', message.user_id],
    ['conversation', message.conversation_id],
    ['model', modelText(message)],
    ['endpoint', result?.endpoint],
    ['attempts', attemptsText(message)],
    ['created', timeOf(message.created_at)],
    ['due', timeOf(message.scheduled_at)],
    ['deadline', timeOf(message.deadline)],
    ['started', timeOf(message.started_at)],
    ['ended', timeOf(message.completed_at)],
    ['stands', hasEnded(message) ? null : standingText(message)],
    ['finish', result?.finish_reason],
    ['tokens', usage ? `${usage.prompt_tokens} in, ${usage.completion_tokens} out` : null],
    ['cost', result?.cost],
    ['error', error ? `${error.message} (${error.code})` : null],
  ];
  return facts
    .filter((fact): fact is [string, string] => fact[1] != null && fact[1] !== '')
    .map(([name, value]) => `${paint('dim', name.padEnd(12))}  ${value}\n`)
    .join('');
}

function laneText({ priority, priority_reason: reason }: ToldMessage): string {
  return reason ? `${priority} (${reason})` : priority;
}

/** Another model may have answered than was asked for. */
function modelText({ model, result }: ToldMessage): string | null {
  const answered = result?.model;
  return answered && model && answered !== model ? `${model}, answered by ${answered}` : (answered ?? model);
}

function attemptsText({ attempts, max_retries: retries }: ToldMessage): string | null {
  if (attempts === undefined) return null;
  return retries == null ? String(attempts) : `${attempts} of at most ${retries + 1}`;
}

function timeOf(iso: string | null | undefined): string | null {
  return iso ? timeText(iso) : null;
}
