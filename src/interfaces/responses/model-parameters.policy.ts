import type { Problem } from './chat-of-items.policy.js';

type Fields = Readonly<Record<string, unknown>>;

export interface Translated {
  /** As an endpoint of chat completions takes them. */
  readonly parameters: Record<string, unknown>;
  /** Told again with the answer, and sent to nobody. */
  readonly settings: Record<string, unknown>;
}

/** What OpenAI's platform has, and nobody here could do. */
const ON_THE_PLATFORM = ['prompt', 'context_management'] as const;
const KEPT_ONLY = ['truncation', 'include', 'max_tool_calls'] as const;
const LOGPROBS = 'message.output_text.logprobs';

/**
 * What a request of the Responses API says of how to answer, in the words of chat completions. Fields that it has no name
 * for are handed on as they are: endpoints have many of their own.
 *
 * The limit of the answer is sent as `max_tokens`, the one name that all servers know.
 */
export function modelParameters(fields: Fields, problems: Problem[]): Translated {
  const { max_output_tokens, text, reasoning, tools, tool_choice, top_logprobs, ...others } = fields;
  const settings: Record<string, unknown> = {};
  const parameters: Record<string, unknown> = {};
  for (const name in others) {
    const value = others[name];
    if (value === null || value === undefined) continue;
    if ((ON_THE_PLATFORM as readonly string[]).includes(name)) {
      problems.push({ field: name, reason: "is a service of OpenAI's platform, which is not served here" });
    } else if ((KEPT_ONLY as readonly string[]).includes(name)) settings[name] = value;
    else parameters[name] = value;
  }
  checkKept(settings, problems);
  if (max_output_tokens != null) {
    if (!isCount(max_output_tokens)) wrong(problems, 'max_output_tokens', 'must be a whole number from 1');
    parameters['max_tokens'] = max_output_tokens;
  }
  if (top_logprobs != null) parameters['top_logprobs'] = top_logprobs;
  const included = Array.isArray(settings['include']) && settings['include'].includes(LOGPROBS);
  if (included || top_logprobs != null) parameters['logprobs'] = true;
  addText(text, parameters, problems);
  addReasoning(reasoning, parameters, settings, problems);
  if (tools != null) addTools(tools, parameters, problems);
  if (tool_choice != null) addChoice(tool_choice, parameters, problems);
  return { parameters, settings };
}

/** The same the other way round: what an answer tells again of how it was asked for. */
export function toldParameters(parameters: Fields, settings: Fields): Record<string, unknown> {
  const { response_format: format, tools, tool_choice, verbosity } = parameters;
  return {
    max_output_tokens: parameters['max_tokens'] ?? null,
    max_tool_calls: settings['max_tool_calls'] ?? null,
    parallel_tool_calls: parameters['parallel_tool_calls'] ?? true,
    prompt_cache_key: parameters['prompt_cache_key'] ?? null,
    reasoning: { effort: parameters['reasoning_effort'] ?? null, summary: settings['summary'] ?? null },
    safety_identifier: parameters['safety_identifier'] ?? null,
    temperature: parameters['temperature'] ?? null,
    text: { format: toldFormat(format), ...(verbosity === undefined ? {} : { verbosity }) },
    tool_choice: toldChoice(tool_choice),
    tools: Array.isArray(tools) ? tools.map(toldTool) : [],
    top_logprobs: parameters['top_logprobs'] ?? 0,
    top_p: parameters['top_p'] ?? null,
    // What is done with a history where nothing is said.
    truncation: settings['truncation'] ?? 'auto',
    user: parameters['user'] ?? null,
  };
}

function checkKept({ truncation, include }: Fields, problems: Problem[]): void {
  if (truncation !== undefined && truncation !== 'auto' && truncation !== 'disabled') {
    wrong(problems, 'truncation', 'must be auto or disabled');
  }
  if (include === undefined) return;
  if (!Array.isArray(include) || include.some((each) => typeof each !== 'string')) {
    wrong(problems, 'include', 'must be a list of texts');
  }
}

function addText(text: unknown, parameters: Record<string, unknown>, problems: Problem[]): void {
  if (text == null) return;
  if (!isObject(text)) return void wrong(problems, 'text', 'must be an object');
  const { format, verbosity } = text;
  if (verbosity != null) parameters['verbosity'] = verbosity;
  if (format == null) return;
  if (!isObject(format)) return void wrong(problems, 'text.format', 'must be an object');
  const { type, ...schema } = format;
  if (type === 'text') return;
  if (type === 'json_object') parameters['response_format'] = { type };
  else if (type === 'json_schema') {
    if (!isObject(schema['schema'])) wrong(problems, 'text.format.schema', 'must be an object');
    parameters['response_format'] = { type, json_schema: withoutNulls(schema) };
  } else wrong(problems, 'text.format.type', 'must be one of text, json_object, json_schema');
}

function toldFormat(format: unknown): Record<string, unknown> {
  if (!isObject(format)) return { type: 'text' };
  const { type, json_schema } = format;
  return { type, ...(isObject(json_schema) ? json_schema : {}) };
}

function addReasoning(
  reasoning: unknown,
  parameters: Record<string, unknown>,
  settings: Record<string, unknown>,
  problems: Problem[],
): void {
  if (reasoning == null) return;
  if (!isObject(reasoning)) return void wrong(problems, 'reasoning', 'must be an object');
  const { effort, summary, generate_summary } = reasoning;
  if (effort != null) parameters['reasoning_effort'] = effort;
  const wanted = summary ?? generate_summary;
  if (wanted != null) settings['summary'] = wanted;
}

function addTools(tools: unknown, parameters: Record<string, unknown>, problems: Problem[]): void {
  if (!Array.isArray(tools)) return void wrong(problems, 'tools', 'must be a list');
  const taken: unknown[] = [];
  for (const [index, tool] of tools.entries()) {
    const { type, name, ...rest } = isObject(tool) ? tool : {};
    if (type !== 'function') wrong(problems, `tools[${index}].type`, noTool(type));
    else if (typeof name !== 'string' || name === '') {
      wrong(problems, `tools[${index}].name`, 'must be a text');
    } else taken.push({ type, function: withoutNulls({ name, ...rest }) });
  }
  if (taken.length > 0) parameters['tools'] = taken;
}

function noTool(type: unknown): string {
  const known = typeof type === 'string' ? `is ${type.slice(0, 40)}` : 'is missing';
  return `${known}, and only function is served: there are no hosted tools here`;
}

function toldTool(tool: unknown): unknown {
  const { type, function: called } = isObject(tool) ? tool : {};
  if (type !== 'function' || !isObject(called)) return tool;
  return { type, strict: null, ...called };
}

const CHOICES: ReadonlySet<unknown> = new Set(['none', 'auto', 'required']);

function addChoice(choice: unknown, parameters: Record<string, unknown>, problems: Problem[]): void {
  if (CHOICES.has(choice)) {
    parameters['tool_choice'] = choice;
    return;
  }
  const { type, name } = isObject(choice) ? choice : {};
  if (type === 'function' && typeof name === 'string') {
    parameters['tool_choice'] = { type, function: { name } };
  } else {
    wrong(problems, 'tool_choice', 'must be none, auto, required, or the name of a function: {type, name}');
  }
}

function toldChoice(choice: unknown): unknown {
  if (!isObject(choice)) return choice ?? 'auto';
  const { type, function: called } = choice;
  return isObject(called) ? { type, name: called['name'] } : choice;
}

function withoutNulls(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(problems: Problem[], field: string, reason: string): void {
  problems.push({ field, reason });
}
