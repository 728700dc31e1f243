export interface Route {
  readonly method: string;
  /** As Fastify writes it: `/api/v1/messages/:id`, `/api/docs/*`. */
  readonly pattern: string;
}

/** The methods that a path is served with, in the order of the alphabet; none for a path that is not known. */
export function allowedMethods(routes: readonly Route[], url: string): string[] {
  const path = segmentsOf(url.split('?', 1)[0] ?? '').map(decoded);
  const fitting = routes.filter(({ pattern }) => fits(segmentsOf(pattern), path));
  return [...new Set(fitting.map(({ method }) => method))].sort();
}

function segmentsOf(path: string): string[] {
  return path.split('/').slice(1);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function fits(pattern: readonly string[], path: readonly string[]): boolean {
  if (pattern.at(-1) === '*') {
    const before = pattern.slice(0, -1);
    return path.length > before.length && fits(before, path.slice(0, before.length));
  }
  return (
    pattern.length === path.length &&
    pattern.every((part, at) => (part.startsWith(':') ? path[at] !== '' : part === path[at]))
  );
}
