/** What a path of OpenAI's API begins with, behind the base URL. */
const OPENAI_PATH = /^\/(chat\/completions|completions|embeddings|files|models|responses)(\/|$)/;
/** What people take for the base URL. */
const OTHER_BASES = ['/v1/v1', '/api/v1', '/api', ''] as const;

/** What serves the same purpose here, by the first part of a path. Clients have a setting for the one or the other. */
const INSTEAD: Readonly<Record<string, string>> = {
  messages: "Chat completions serve the same purpose: use a client of OpenAI's API.",
  threads: 'Conversations are under /api/v1/conversations.',
  assistants: 'Conversations are under /api/v1/conversations.',
};

/** The path of OpenAI's API that a client asked for below another base URL than `/v1`; null for any other path. */
export function pathBelowOtherBase(path: string): string | null {
  const base = OTHER_BASES.find((each) => path.startsWith(each) && OPENAI_PATH.test(path.slice(each.length)));
  return base === undefined ? null : path.slice(base.length);
}

/**
 * What a client of OpenAI's API is told of a path that is not served: what is. Null for a path that is none of it.
 *
 * @param served the routes under `/v1`: `POST /v1/completions`
 */
export function unservedPath(path: string, served: readonly string[]): string | null {
  const below = pathBelowOtherBase(path);
  if (below !== null) {
    return `There is no ${path} here: OpenAI's API is under /v1. Set the client's base URL so that it ends in /v1, and asks for /v1${below}.`;
  }
  if (path !== '/v1' && !path.startsWith('/v1/')) return null;
  const [, , first = ''] = path.split('/');
  const instead = Object.hasOwn(INSTEAD, first) ? ` ${INSTEAD[first]}` : '';
  return `There is no ${path} here.${instead} Under /v1 are served: ${served.join(', ')}.`;
}
