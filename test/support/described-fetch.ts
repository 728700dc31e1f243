import { apiDescription } from './api-description.js';
import { type BodyCheck, DescribedAnswers } from './described-answers.js';

/** Of services, whose answers are held against their description. */
const origins = new Set<string>();
const wrong: string[] = [];
let answers: DescribedAnswers | null = null;

/**
 * From here on every answer that this file's `fetch` gets from the service is held against the service's OpenAPI
 * description; a client of OpenAI's uses the same `fetch`. What is wrong fails the test, with the route and the status.
 * Answers pass through as they come: nothing is read that the test does not read.
 */
export function holdToDescription(baseUrl: string): void {
  // Here, and not with the first answer: it may take seconds, which no test has to spare.
  answers ??= new DescribedAnswers(apiDescription());
  if (origins.size === 0) globalThis.fetch = describedFetch(globalThis.fetch, answers);
  origins.add(new URL(baseUrl).origin);
}

/** What came as it is described, as `post /api/v1/messages 202` tells it. */
export function answersSeen(): ReadonlySet<string> {
  return answers?.seen ?? new Set();
}

// Not there where a script of its own uses this.
globalThis.afterEach?.(() => {
  if (wrong.length > 0) throw new Error(`Not as the API is described:\n${wrong.splice(0).join('\n')}`);
});

function describedFetch(
  fetch: typeof globalThis.fetch,
  described: DescribedAnswers,
): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const request = typeof input === 'object' && 'url' in input ? input : null;
    const url = request?.url ?? String(input);
    if (!origins.has(new URL(url).origin)) return response;
    const method = (init?.method ?? request?.method ?? 'get').toLowerCase();
    if (method === 'options') return response;
    const check = begin(described, method, url, response);
    return check === null || response.body === null ? response : passing(response, check);
  };
}

function begin(
  described: DescribedAnswers,
  method: string,
  url: string,
  response: Response,
): BodyCheck | null {
  const { status, headers } = response;
  try {
    return described.begin({ method, url, status, contentType: headers.get('content-type') });
  } catch (error) {
    wrong.push((error as Error).message);
    return null;
  }
}

/** The same response, whose body is checked when it has passed. */
function passing(response: Response, check: BodyCheck): Response {
  const decoder = new TextDecoder();
  let body = '';
  const checkBody = () => {
    const problem = check(body);
    if (problem !== null) wrong.push(problem);
  };
  // A stream of events may have no end: what came until its client leaves is checked.
  const isLeft = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const checked = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      body += decoder.decode(chunk, { stream: true });
      controller.enqueue(chunk);
    },
    flush: checkBody,
    ...(isLeft ? { cancel: checkBody } : {}),
  });
  const { status, statusText, headers, url } = response;
  const passed = new Response(response.body!.pipeThrough(checked), { status, statusText, headers });
  return Object.defineProperty(passed, 'url', { value: url });
}
