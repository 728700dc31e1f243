import { openAiStatus } from '../openai/openai-error.js';
import { TITLES } from '../rest/problem.js';
import { codesOf } from './failure.js';
import { isInOpenAiForm } from './route-failures.policy.js';

export const PROBLEM = 'application/problem+json';
const seconds = { type: 'integer', minimum: 0 } as const;
const RETRY_AFTER = {
  'Retry-After': { description: 'Seconds after which the same request may be served', schema: seconds },
};
const text = (description: string) => ({ description, schema: { type: 'string' } });

/** The headers that a failure has by its status. */
const HEADERS: Readonly<Record<number, object>> = {
  401: { 'WWW-Authenticate': text('How to send a key') },
  405: { Allow: text('The methods that the path is served with') },
  415: { 'Accept-Encoding': text('The encodings that are read, where the encoding is what is wrong') },
  429: RETRY_AFTER,
  503: RETRY_AFTER,
  507: RETRY_AFTER,
};

/** A failure as OpenAPI describes it: what its status says, the codes that it stands for, and its form. */
export function describedFailure(status: number, path: string): Record<string, unknown> {
  const openAi = isInOpenAiForm(path);
  const codes = codesOf(status, openAi ? openAiStatus : undefined).map((code) => `\`${code}\``);
  const title = TITLES[status] ?? 'The endpoint failed';
  const headers = HEADERS[status];
  return {
    description: codes.length === 0 ? title : `${title}: ${codes.join(', ')}`,
    content: { [openAi ? 'application/json' : PROBLEM]: { schema: failureSchema(openAi) } },
    ...(headers === undefined ? {} : { headers }),
  };
}

/** What else an endpoint answered with, as its client is told it. */
export function endpointsOwnFailure(): Record<string, unknown> {
  return {
    description: "Another status of the endpoint's own",
    content: { 'application/json': { schema: failureSchema(true) } },
  };
}

function failureSchema(openAi: boolean) {
  return { $ref: `#/components/schemas/${openAi ? 'OpenAiError' : 'Problem'}` };
}
