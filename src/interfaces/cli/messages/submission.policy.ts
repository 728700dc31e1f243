/** The options of a submission, as the command line gives them. */
export interface SubmissionOptions {
  readonly user?: string;
  readonly conversation?: string;
  readonly model?: string;
  readonly priority?: string;
  readonly system?: string;
  readonly param?: readonly Entry[];
  readonly metadata?: readonly Entry[];
  readonly delay?: string;
  readonly at?: string;
  readonly ttl?: string;
  readonly deadline?: string;
  readonly maxRetries?: number;
  readonly callTimeout?: number;
  readonly fallback?: readonly string[];
  readonly callbackUrl?: string;
}

export type Entry = readonly [name: string, value: unknown];

/** A body of `POST /api/v1/messages`. */
export type SubmissionBody = Readonly<Record<string, unknown>>;

/** `name=value`; the value is JSON where it is some, and otherwise a text. Null where there is no name. */
export function entryOf(text: string): Entry | null {
  const at = text.indexOf('=');
  if (at <= 0) return null;
  const value = text.slice(at + 1);
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch {
    return [text.slice(0, at), value];
  }
}

/** Of a question in words. */
export function bodyOfWords(words: string, options: SubmissionOptions, user: string): SubmissionBody {
  const { system } = options;
  const asked =
    system === undefined
      ? { content: words }
      : {
          messages: [
            { role: 'system', content: system },
            { role: 'user', content: words },
          ],
        };
  return { user_id: user, ...asked, ...fieldsOf(options) };
}

/** Of a body that was written as JSON: options go before it, and its user before the one of this machine. */
export function bodyOfJson(
  body: Readonly<Record<string, unknown>>,
  options: SubmissionOptions,
  user: string,
): SubmissionBody {
  return { user_id: user, ...body, ...fieldsOf(options) };
}

function fieldsOf(options: SubmissionOptions): Record<string, unknown> {
  const fields = {
    user_id: options.user,
    conversation_id: options.conversation,
    model: options.model,
    priority: options.priority,
    parameters: objectOf(options.param),
    metadata: objectOf(options.metadata),
    delay: options.delay,
    scheduled_at: options.at,
    ttl: options.ttl,
    deadline: options.deadline,
    max_retries: options.maxRetries,
    timeout_ms: options.callTimeout === undefined ? undefined : options.callTimeout * 1_000,
    fallbacks: options.fallback,
    callback_url: options.callbackUrl,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function objectOf(entries: readonly Entry[] | undefined): object | undefined {
  return entries === undefined ? undefined : Object.fromEntries(entries);
}
