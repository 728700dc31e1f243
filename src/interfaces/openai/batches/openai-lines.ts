import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../../domain/caller.js';
import type {
  CallKind,
  MessageCompleted,
  MessageReceived,
  TerminalEvent,
} from '../../../domain/message/message.events.js';
import { BATCH_ENDPOINTS, type BatchEndpoint } from '../../../operations/batches/batch.state.js';
import type {
  BatchLines,
  LineProblem,
  LineRequest,
} from '../../../operations/batches/lines/batch-lines.port.js';
import type { LineAnswer } from '../../../operations/batches/lines/line-answer.state.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { RefusedError, refusedField } from '../../../submission/refusal.js';
import type { AcceptedMessage, Submission } from '../../../submission/submission.js';
import * as rules from '../../../submission/submission-rules.policy.js';
import { problemsOf } from '../../http/failure.js';
import { fastifyOptions } from '../../http/fastify-options.js';
import { readJson } from '../../http/json-body.js';
import { answerJson } from '../answer.json.js';
import { answerFrame } from '../answer-frame.js';
import { errorBody } from '../error-body.js';
import { failedAnswer } from '../failed-answer.policy.js';
import { openAiRequestOf } from '../openai-request.js';
import { responseOf, responseOfLine } from './response-line.js';

const RESPONSES = '/v1/responses';

const KIND_OF: Readonly<Record<Exclude<BatchEndpoint, typeof RESPONSES>, CallKind>> = {
  '/v1/chat/completions': 'chat',
  '/v1/completions': 'completion',
  '/v1/embeddings': 'embeddings',
};

const MOST_NAME_CHARACTERS = 512;

/** The lines of a batch in OpenAI's form: a name, and a request as its route takes it. */
@Injectable()
export class OpenAiLines implements BatchLines {
  readonly mostBytes: number;
  private readonly mostFields: number;

  constructor(@Inject(SERVICE_CONFIG) private readonly config: ServiceConfig) {
    this.mostBytes = fastifyOptions(config).bodyLimit ?? 0;
    this.mostFields = config.server.max_body_fields;
  }

  read(
    line: Buffer,
    endpoint: BatchEndpoint,
    caller: Caller,
  ): LineRequest | { readonly problems: readonly LineProblem[] } {
    const read = readJson(line, this.mostFields, 'line');
    if ('refusal' in read) return wrong('invalid_json_line', read.refusal.message, null);
    if (!rules.isObject(read.value)) return wrong('invalid_json_line', 'The line is no JSON object.', null);
    const { custom_id: customId, method, url, body } = read.value;
    const name = nameProblem(customId);
    if (name !== null) return wrong('invalid_custom_id', `custom_id ${name}`, 'custom_id');
    // There is no other one, so that both may be left out.
    if (method !== undefined && method !== 'POST')
      return wrong('invalid_method', 'method must be POST', 'method');
    if (url !== undefined && url !== endpoint)
      return wrong('invalid_url', `url must be ${endpoint}, as the batch has it`, 'url');
    try {
      const submission = this.submissionOf(endpoint, body, caller);
      return {
        customId: customId as string,
        submission: { ...submission, requestedPriority: 'low', callbackUrl: null },
      };
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      const { message, refusal } = error;
      const [first] = problemsOf(refusal);
      return wrong('invalid_request', message, first === undefined ? 'body' : paramOf(first.field));
    }
  }

  /** @throws {RefusedError} `invalid_fields` */
  private submissionOf(endpoint: BatchEndpoint, body: unknown, caller: Caller): Submission {
    const { openai } = this.config;
    if (endpoint === RESPONSES) return responseOfLine(body, caller, openai);
    const { submission, stream } = openAiRequestOf(KIND_OF[endpoint], body, {}, caller, openai);
    if (stream) throw refusedField('invalid_fields', 'stream', 'must be false or absent');
    return submission;
  }

  customIdOf(line: Buffer): string {
    const { custom_id: customId } = JSON.parse(line.toString('utf8')) as { custom_id: string };
    return customId;
  }

  repeatsRequest(endpoint: BatchEndpoint): boolean {
    return endpoint === RESPONSES;
  }

  answer(
    endpoint: BatchEndpoint,
    accepted: AcceptedMessage,
    end: TerminalEvent,
    received: MessageReceived | null,
  ): LineAnswer {
    if (end.type === 'llmq.message.completed.v1') {
      const body = bodyOf(endpoint, accepted, end, received);
      if (body !== null) return { kind: 'response', statusCode: 200, body };
      return { kind: 'error', code: 'not_found', message: 'The message of the line was erased.' };
    }
    const failed = failedAnswer(end, this.config.openai.endpoint_errors);
    if (end.type === 'llmq.message.dead-lettered.v1') {
      return { kind: 'response', statusCode: failed.status, body: errorBody(accepted.id, failed) };
    }
    return { kind: 'error', code: failed.code, message: failed.message };
  }
}

function bodyOf(
  endpoint: BatchEndpoint,
  accepted: AcceptedMessage,
  end: MessageCompleted,
  received: MessageReceived | null,
): object | null {
  if (endpoint !== RESPONSES) {
    return answerJson(answerFrame(KIND_OF[endpoint], accepted, end.data.model), end);
  }
  return received === null ? null : responseOf(received, accepted, end);
}

function nameProblem(customId: unknown): string | null {
  if (customId === undefined) return 'is missing';
  if (typeof customId !== 'string' || customId === '') return 'must be a string that is not empty';
  return customId.length > MOST_NAME_CHARACTERS
    ? `must have at most ${MOST_NAME_CHARACTERS} characters`
    : null;
}

function paramOf(field: string): string {
  return field === 'body' ? field : `body.${field}`;
}

function wrong(code: string, message: string, param: string | null) {
  return { problems: [{ code, message, param }] };
}

export function endpointOf(value: unknown): BatchEndpoint | null {
  return BATCH_ENDPOINTS.find((endpoint) => endpoint === value) ?? null;
}
