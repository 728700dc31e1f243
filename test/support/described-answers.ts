import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { ApiDescription, DescribedOperation } from './api-description.js';

export interface AnswerHead {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly contentType: string | null;
}

/** What is wrong with a body; null where nothing is. */
export type BodyCheck = (body: string) => string | null;

interface Route {
  readonly path: string;
  readonly pattern: RegExp;
  readonly item: Readonly<Record<string, DescribedOperation>>;
}

/** Told by Node's parser of HTTP, before there is a route: the request's head did not come in time, or is too large. */
const WITHOUT_ROUTE: readonly number[] = [408, 431];
/** Paths of OpenAI's API under a wrong base URL: who asks for them is answered in its form. */
const MISPLACED = /^\/api\/v1\/(chat|completions|embeddings|files|models|responses)(\/|$)/;
/** Metrics are in the text of Prometheus, at this path too. */
const API = /^\/(api\/v1(?!\/metrics$)|v1)(\/|$)/;

/**
 * Holds answers against the service's OpenAPI description: the status, the content type, and the body with every field
 * that it has. A field that the description does not name is as wrong as one of another type.
 */
export class DescribedAnswers {
  /** Each answer that was as described, as `post /api/v1/messages 202`. */
  readonly seen = new Set<string>();
  private readonly routes: readonly Route[];
  private readonly ajv = new Ajv2020({ strict: false, allErrors: false });
  private readonly compiled = new Map<string, ValidateFunction>();

  constructor(description: ApiDescription) {
    formats.default(this.ajv);
    this.ajv.addSchema(closed(description) as object, 'api');
    this.routes = Object.entries(description.paths)
      .map(([path, item]) => ({ path, item, pattern: patternOf(path) }))
      .sort((one, other) => placesIn(one.path) - placesIn(other.path));
  }

  /**
   * @returns the check of the body; null where it is not described as JSON
   * @throws {Error} for a status or a content type that the route does not have
   */
  begin({ method, url, status, contentType }: AnswerHead): BodyCheck | null {
    const path = decoded(new URL(url).pathname);
    const route = this.routes.find(({ pattern }) => pattern.test(path));
    if (WITHOUT_ROUTE.includes(status) || (route === undefined && !API.test(path))) return null;
    const told = `${method} ${route?.path ?? path} ${status}`;
    const type = (contentType ?? '').split(';', 1)[0]!.trim();
    const pointer =
      route === undefined
        ? unknownPath(path, status, told)
        : this.pointerOf(route, method, status, type, told);
    if (pointer === null) return null;
    const check = this.checkOf(pointer, type);
    return (body) => {
      const wrong = check(body);
      if (wrong === null) this.seen.add(told);
      return wrong === null ? null : `${told}: ${wrong}. The body: ${body.slice(0, 500)}`;
    };
  }

  /** Another method than the path has is told so by any of its operations. */
  private pointerOf(
    { path, item }: Route,
    method: string,
    status: number,
    type: string,
    told: string,
  ): string | null {
    const operation = item[method] ?? (method === 'head' ? item['get'] : undefined);
    const [own, described] = operation === undefined ? Object.entries(item)[0]! : [method, operation];
    const key = [String(status), 'default'].find((name) => described.responses[name] !== undefined);
    if (key === undefined) throw new Error(`${told}: the description has no such status.`);
    const types = Object.keys(described.responses[key]!.content ?? {});
    if (types.length === 0) {
      if (type !== '') throw new Error(`${told}: the description has no body, and there is ${type}.`);
      this.seen.add(told);
      return null;
    }
    if (method === 'head') return null;
    if (type === 'application/octet-stream') {
      this.seen.add(told);
      return null;
    }
    if (!types.includes(type))
      throw new Error(`${told}: it is ${type}, and described is ${types.join(', ')}.`);
    return ['paths', path, own, 'responses', key, 'content', type, 'schema'].map(escaped).join('/');
  }

  private checkOf(pointer: string, type: string): BodyCheck {
    const validate = this.compiled.get(pointer) ?? this.ajv.compile({ $ref: `api#/${pointer}` });
    this.compiled.set(pointer, validate);
    const wrongWith = (json: string): string | null => {
      try {
        return validate(JSON.parse(json)) ? null : this.ajv.errorsText(validate.errors, { dataVar: '' });
      } catch (error) {
        return `it is no JSON: ${(error as Error).message}`;
      }
    };
    if (type === 'text/event-stream') {
      const failed = this.ajv.compile({ $ref: 'api#/components/schemas/OpenAiError' });
      const wrongEvent = (json: string) => (failed(JSON.parse(json)) ? null : wrongWith(json));
      return (body) => firstWrong(eventsIn(body), wrongEvent);
    }
    if (type === 'application/x-ndjson') return (body) => firstWrong(body.split('\n'), wrongWith);
    return wrongWith;
  }
}

function firstWrong(parts: readonly string[], wrongWith: (part: string) => string | null): string | null {
  for (const part of parts) {
    const wrong = part === '' ? null : wrongWith(part);
    if (wrong !== null) return wrong;
  }
  return null;
}

/** A stream that its client left ends anywhere: only events that are whole count. */
function eventsIn(body: string): string[] {
  const whole = body.slice(0, body.lastIndexOf('\n\n') + 1).split('\n');
  const data = whole.flatMap((line) => (line.startsWith('data: ') ? [line.slice('data: '.length)] : []));
  return data.filter((text) => text !== '[DONE]');
}

function unknownPath(path: string, status: number, told: string): string | null {
  if (status < 400) throw new Error(`${told}: the description has no such path.`);
  if (MISPLACED.test(path)) return null;
  return `components/schemas/${path.startsWith('/v1') ? 'OpenAiError' : 'Problem'}`;
}

function patternOf(path: string): RegExp {
  const parts = path.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^$()|[\]\\]/g, '\\$&'));
  // Names of models and of users have slashes.
  const isName = path.startsWith('/v1/models/') || path.endsWith('/user-priorities/{user_id}');
  return new RegExp(`^${parts.join(isName ? '.+' : '[^/]+')}$`);
}

function placesIn(path: string): number {
  return path.split('{').length;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function escaped(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
}

/** An object has the fields that it is described with, and no others, unless it says so. */
export function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, closed(part)]));
  const isObject = typeof inner['properties'] === 'object' && inner['type'] !== undefined;
  return isObject && inner['additionalProperties'] === undefined
    ? { ...inner, additionalProperties: false }
    : inner;
}
