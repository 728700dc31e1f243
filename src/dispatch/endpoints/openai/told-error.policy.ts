/** What an endpoint says of its failure, in the fields of OpenAI's error; null where it does not say. */
export interface ToldError {
  readonly status: number | null;
  readonly code: string | null;
  readonly type: string | null;
  readonly param: string | null;
  readonly message: string;
}

type Fields = Record<string, unknown>;

/**
 * The error that a body or an event tells, in whatever shape: OpenAI's `{"error":{...}}`, `{"error":"..."}`,
 * `{"object":"error",...}`, `{"type":"error",...}`, `{"detail":...}`, or any of them in a list. Null where it tells none.
 *
 * @param whole it is all that was sent, so that words without an answer are an error
 */
export function toldError(told: unknown, whole: boolean): ToldError | null {
  const value = Array.isArray(told) ? told[0] : told;
  if (!isObject(value)) return null;
  const { error } = value;
  if (isObject(error)) return remoteError(error, value);
  if (typeof error === 'string' && error !== '')
    return remoteError({ ...value, message: wordsOf(value) ?? error }, value);
  if (error === true) return remoteError(value, value);
  return saysError(value, whole) ? remoteError(value, value) : null;
}

/** The error of an event or a choice that is said to be one. */
export function errorIn(told: unknown): ToldError {
  if (typeof told === 'string') return { status: null, code: null, type: null, param: null, message: told };
  const value = Array.isArray(told) ? told[0] : told;
  if (!isObject(value)) return errorIn('no reason given');
  return toldError(value, true) ?? remoteError(value, value);
}

/** What a response with an error status says. Null for a body that is not JSON. */
export function errorOfBody(body: string): ToldError | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  return typeof value === 'object' && value !== null ? errorIn(value) : null;
}

function saysError(value: Fields, whole: boolean): boolean {
  if (value['object'] === 'error' || value['type'] === 'error') return true;
  if (value['choices'] !== undefined || value['data'] !== undefined || wordsOf(value) === null) return false;
  return whole || value['success'] === false || statusOf(value) !== null || isName(value['code']);
}

function remoteError(error: Fields, around: Fields): ToldError {
  const code = error['code'] ?? around['code'];
  const told: ToldError = {
    status: statusOf(error) ?? statusOf(around),
    code: typeof code === 'string' && code !== '' ? code : typeof code === 'number' ? String(code) : null,
    type: typeIn(error) ?? typeIn(around),
    param: textIn(error['param']) ?? textIn(around['param']) ?? placeIn(error['detail'] ?? around['detail']),
    message: wordsOf(error) ?? wordsOf(around) ?? 'no reason given',
  };
  return known({ ...told, status: told.status ?? statusByWords(told) });
}

/** That it is an error says nothing of its type. */
function typeIn({ type }: Fields): string | null {
  return type === 'error' ? null : textIn(type);
}

/** The words for people: a text, or FastAPI's list of what is wrong. */
function wordsOf(value: Fields): string | null {
  for (const name of ['message', 'msg', 'detail', 'error_message', 'title']) {
    const words = value[name];
    if (typeof words === 'string' && words !== '') return words;
    if (Array.isArray(words) && words.length > 0) return words.slice(0, 5).map(problem).join('; ');
    if (isObject(words) && name === 'detail') return wordsOf(words) ?? null;
  }
  return null;
}

function problem(detail: unknown): string {
  if (!isObject(detail)) return String(typeof detail === 'string' ? detail : 'a problem');
  const place = Array.isArray(detail['loc']) ? detail['loc'].filter(isPlace).join('.') : '';
  return [place, textIn(detail['msg'])].filter((part) => part !== '' && part !== null).join(': ');
}

/** The parameter that FastAPI names. */
function placeIn(detail: unknown): string | null {
  const first = Array.isArray(detail) ? detail[0] : null;
  const loc: unknown = isObject(first) ? first['loc'] : null;
  if (!Array.isArray(loc)) return null;
  const places = loc.filter(isPlace);
  const place = places[0] === 'body' ? places.slice(1) : places;
  return place.length === 0 ? null : place.join('.');
}

function isPlace(part: unknown): part is string | number {
  return typeof part === 'string' || typeof part === 'number';
}

/** Servers put an HTTP status into fields of many names, as a number or a text. */
function statusOf(value: Fields): number | null {
  for (const name of ['status', 'status_code', 'statusCode', 'code', 'http_code']) {
    const told = value[name];
    if (typeof told !== 'number' && typeof told !== 'string') continue;
    const status = Number(told);
    if (Number.isInteger(status) && status >= 400 && status <= 599) return status;
  }
  return null;
}

/** By names that OpenAI, and servers that follow it, give to errors. */
const STATUSES: readonly (readonly [RegExp, number])[] = [
  [/insufficient_quota|rate_?limit|too_?many|resource_exhausted|billing/i, 429],
  [/authentication|invalid_api_key|unauthorized/i, 401],
  [/permission/i, 403],
  [/model_not_found|not_?found/i, 404],
  [/overloaded|unavailable/i, 503],
  [
    /context_?(length|window|size)|content_(filter|policy)|bad_?request|invalid_?(request|prompt|parameter)/i,
    400,
  ],
  // The images are the request's.
  [/(invalid|empty|base64)_image|image_(too|parse|file|content)|(unsupported|download)_image/i, 400],
];

function statusByWords({ code, type }: ToldError): number | null {
  const words = `${code ?? ''} ${type ?? ''}`;
  return STATUSES.find(([pattern]) => pattern.test(words))?.[1] ?? null;
}

/** The codes that clients of OpenAI know, by what other servers say in their stead. */
const KNOWN: readonly (readonly [code: string, names: RegExp, words: RegExp])[] = [
  [
    'context_length_exceeded',
    /context_?(length|window|size)|^string_above_max_length$/i,
    /maximum context length|context (length|window|size)|prompt is too long|input is too long|too many (input )?tokens|reduce the length/i,
  ],
  [
    'content_filter',
    /content_?(filter|policy|moderation)|responsibleaipolicy|data_inspection_failed/i,
    /content (management )?polic(y|ies)|content filter|safety (system|polic)/i,
  ],
  [
    'insufficient_quota',
    /insufficient_?(quota|balance|funds|credits?)|billing|quota_exceeded/i,
    /exceeded your current quota|insufficient (balance|credits?|funds|quota)|out of credits|billing/i,
  ],
];

/** What a request can't be answered for anywhere that is like this endpoint, or what its owner must pay for. */
export type Trouble = 'context_length_exceeded' | 'content_filter' | 'insufficient_quota';

export function troubleOf({ status, code, type, message }: ToldError): Trouble | null {
  for (const [trouble, names, words] of KNOWN) {
    if (names.test(code ?? '') || names.test(type ?? '')) return trouble as Trouble;
    const fits = trouble === 'insufficient_quota' ? status === 402 || status === 403 || status === 429 : true;
    if (fits && (status === null || status < 500) && words.test(message)) return trouble as Trouble;
  }
  return null;
}

/** A code of its own stays; where there is none but a number, clients get the one that they know. */
function known(error: ToldError): ToldError {
  if (error.code !== null && isName(error.code)) return error;
  return { ...error, code: troubleOf(error) ?? error.code };
}

function isName(code: unknown): boolean {
  return typeof code === 'string' && /[A-Za-z]/.test(code);
}

function textIn(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
