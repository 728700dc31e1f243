import { isObject, type Rule, wholeNumber } from '../../../submission/submission-rules.policy.js';

export const MAX_MODELS = 500;
const MAX_NAME_LENGTH = 256;
const MAX_HEADERS = 32;
const MAX_HEADER_LENGTH = 1_000;
const MAX_URL_LENGTH = 2_048;
const MAX_PRICE = 1_000_000;
export const MAX_WEIGHT = 1_000;
/** The longest that Node's timers wait. */
const MAX_MS = 2_147_483_647;

export const GROUPS = ['primary', 'backup'] as const;
export const APIS = ['chat_completions', 'responses'] as const;
export const AUTO_OR_NEVER = ['auto', 'never'] as const;
export const CAPABILITIES = [
  'vision',
  'tools',
  'json',
  'prefill',
  'reasoning_input',
  'system_anywhere',
] as const;

/** What no header may say: that is what `api_key_env` is for, since what is sent here is stored in the log. */
const SECRET = /auth|key|token|secret|cookie|password|credential|signature/i;
/** Set by each call itself. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['host', 'content-type', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade'],
  ...[
    'te',
    'trailer',
    'expect',
    'accept',
    'accept-encoding',
    'traceparent',
    'tracestate',
    'proxy-connection',
  ],
]);

export const endpointName: Rule = (value) =>
  typeof value === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(value)
    ? null
    : 'must be 1 to 64 letters, digits, dots, - and _';

/** Far above what any endpoint does. More is a slip of the hand. */
export const MAX_PLACES = 1_000_000;
export const MAX_PER_MINUTE = 1_000_000_000;

export const places = wholeNumber(1, MAX_PLACES);
export const perMinute = wholeNumber(1, MAX_PER_MINUTE);
export const limit = wholeNumber(1, Number.MAX_SAFE_INTEGER);
export const milliseconds = wholeNumber(1, MAX_MS);

export const weight: Rule = (value) =>
  typeof value === 'number' && value > 0 && value <= MAX_WEIGHT
    ? null
    : `must be a number above 0 and at most ${MAX_WEIGHT}`;

export function oneOf(allowed: readonly string[]): Rule {
  return (value) =>
    (allowed as readonly unknown[]).includes(value) ? null : `must be one of ${allowed.join(', ')}`;
}

export const keyVariable: Rule = (value) =>
  typeof value === 'string' && /^[A-Z_][A-Z0-9_]{0,127}$/.test(value)
    ? null
    : 'must be the name of an environment variable: capital letters, digits and _';

export const baseUrl: Rule = (value) => {
  if (typeof value !== 'string' || value.length > MAX_URL_LENGTH) return 'must be an http or https URL';
  if (!URL.canParse(value)) return 'must be an http or https URL';
  const url = new URL(value);
  if (!/^https?:$/.test(url.protocol)) return 'must be an http or https URL';
  if (url.username !== '' || url.password !== '') {
    return 'must hold no user and no password; name the variable that holds the key in api_key_env';
  }
  return url.search === '' && url.hash === '' ? null : 'must have nothing behind its path, such as ? or #';
};

export const headers: Rule = (value) => {
  if (!isObject(value)) return 'must be an object of texts by header name';
  const all = Object.entries(value);
  if (all.length > MAX_HEADERS) return `must have at most ${MAX_HEADERS} headers`;
  for (const [name, text] of all) {
    const problem = headerProblem(name, text);
    if (problem !== null) return `has the header ${JSON.stringify(name.slice(0, 64))}, ${problem}`;
  }
  return null;
};

function headerProblem(name: string, text: unknown): string | null {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(name)) return 'whose name must be 1 to 64 letters, digits and -';
  if (RESERVED.has(name.toLowerCase())) return 'which each call sets itself';
  if (SECRET.test(name))
    return 'which may carry a secret; name the variable that holds the key in api_key_env';
  const plain = typeof text === 'string' && text.length <= MAX_HEADER_LENGTH && /^[\t\x20-\x7e]*$/.test(text);
  if (!plain) return `whose value must be a printable text of at most ${MAX_HEADER_LENGTH} characters`;
  return /^\s*(bearer|basic)\s|\bsk-\w/i.test(text)
    ? 'whose value looks like a key; name the variable that holds it in api_key_env'
    : null;
}

export const models: Rule = (value) => {
  if (!Array.isArray(value) || value.length === 0) return 'must be an array with at least one model';
  if (value.length > MAX_MODELS) return `must have at most ${MAX_MODELS} models`;
  for (const [index, model] of value.entries()) {
    const problem = modelProblem(model);
    if (problem !== null) return `has a model at index ${index} ${problem}`;
  }
  const names = value.map(nameOf);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? null : `has the model ${JSON.stringify(twice)} twice`;
};

function nameOf(model: unknown): unknown {
  return isObject(model) ? model['name'] : model;
}

const MODEL_FIELDS: Readonly<Record<string, Rule>> = {
  name: modelName,
  upstream: modelName,
  context_tokens: limit,
  max_output_tokens: limit,
  capabilities: (value) =>
    Array.isArray(value) && value.every((each) => (CAPABILITIES as readonly unknown[]).includes(each))
      ? null
      : `must be a list of ${CAPABILITIES.join(', ')}`,
  price: (value) => {
    if (!isObject(value)) return 'must be an object with input and output, and cached where that differs';
    const fields = Object.entries(value);
    const known = fields.every(([name]) => ['input', 'output', 'cached'].includes(name));
    const complete = value['input'] !== undefined && value['output'] !== undefined;
    return known &&
      complete &&
      fields.every(([name, each]) => isPrice(each) || (name === 'cached' && each === null))
      ? null
      : `must have input and output, and may have cached: numbers from 0 to ${MAX_PRICE}, per million tokens`;
  },
};

function modelProblem(model: unknown): string | null {
  if (!isObject(model)) {
    const problem = modelName(model);
    return problem === null ? null : `that ${problem}, or an object with a name`;
  }
  if (model['name'] === undefined) return 'that has no name';
  for (const [field, value] of Object.entries(model)) {
    const rule = Object.hasOwn(MODEL_FIELDS, field) ? MODEL_FIELDS[field] : undefined;
    if (rule === undefined) return `with an unknown field; known are ${Object.keys(MODEL_FIELDS).join(', ')}`;
    const problem = value === null && field !== 'name' ? null : rule(value);
    if (problem !== null) return `whose ${field} ${problem}`;
  }
  return null;
}

function modelName(value: unknown): string | null {
  return typeof value === 'string' && /^[^\p{Cc}\p{Cs}]{1,256}$/u.test(value) && value.trim() === value
    ? null
    : `must be 1 to ${MAX_NAME_LENGTH} characters, none of them control characters`;
}

function isPrice(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= MAX_PRICE;
}
