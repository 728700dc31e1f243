/** What the examples share: one call of the REST API, with `fetch` alone. */
export const { LLMQ_URL = 'http://127.0.0.1:8080', LLMQ_KEY = 'any', LLMQ_MODEL = 'demo' } = process.env;

/** As much of a message as the examples read. */
export interface Message {
  readonly id: string;
  readonly status: 'pending' | 'scheduled' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'expired';
  readonly priority: string;
  readonly position: number | null;
  readonly waiting_for: string | null;
  readonly result: { readonly content: string } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export async function call<T>(
  method: 'GET' | 'POST',
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await fetch(LLMQ_URL + path, {
    method,
    headers: { authorization: `Bearer ${LLMQ_KEY}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Waits for the end of a message, however long that takes, by requests of half a minute each. */
export async function answerOf(id: string): Promise<string> {
  for (;;) {
    const message = await call<Message>('GET', `/api/v1/messages/${id}?wait=30s`);
    const { status, result, error } = message;
    if (status === 'completed') return result?.content ?? '';
    if (status === 'failed' || status === 'cancelled' || status === 'expired') {
      throw new Error(`${id} ${status}: ${error?.message ?? ''}`);
    }
    console.log(`waiting: position ${message.position}, for ${message.waiting_for}`);
  }
}
