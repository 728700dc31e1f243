import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import { ANSWER_LISTENER, type AnswerListener } from '../../dispatch/answers/answers.port.js';
import type { Caller } from '../../domain/caller.js';
import { traceContextOf } from '../../domain/trace-context.policy.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { aboutMessage } from '../../platform/logging/about-message.js';
import { enterTrace, SpanKind, traceBehind, within } from '../../platform/telemetry/spans.js';
import { LOGGER } from '../../platform/tokens.js';
import { type FieldProblem, invalidFields } from '../../submission/refusal.js';
import { refusalOf } from '../../submission/refusal-of.js';
import { isObject } from '../../submission/submission-rules.policy.js';
import { AnswerWait } from '../../submission/waiting/answer-wait.js';
import { SubmitAndListen } from '../../submission/waiting/submit-and-listen.js';
import { type Waiting, WaitingRequests } from '../../submission/waiting/waiting-requests.js';
import { callerOf } from '../caller.guard.js';
import { readJson } from '../http/json-body.js';
import { takeUpgrade } from '../http/upgrades.js';
import { AnswerStream } from '../openai/answer-stream.js';
import { OpenAiCalls } from '../openai/openai-calls.js';
import { openAiStatus, toOpenAiError } from '../openai/openai-error.js';
import { ownHeaders } from '../openai/own-headers.js';
import { FrameClient } from '../websocket/frame-client.js';
import { Handshake } from '../websocket/handshake.js';
import { OpenClients } from '../websocket/open-clients.js';
import { CREATE, FrameOut, MAX_STREAM_ID } from './frame-out.js';
import { ResponseStreamForm } from './response-form.js';
import { headOf } from './response-of.js';
import { type ResponsesRequest, responsesRequestOf } from './responses-request.js';
import { StoredResponses } from './stored-responses.js';

const NO_STREAM_ID = `must be a text of at most ${MAX_STREAM_ID} characters`;

/** One response that a client has asked for in a frame. */
interface Asked {
  readonly caller: Caller;
  readonly request: ResponsesRequest;
  readonly out: FrameOut;
}

/**
 * Responses over a WebSocket: each frame `response.create` asks for one, and its events come back as frames. The key comes
 * with the handshake. A client that leaves takes nothing back.
 *
 * Limits, pings and the end of the service are those of all WebSockets (`OpenClients`).
 */
@Injectable()
export class ResponseSockets implements OnApplicationShutdown {
  private readonly server: WebSocketServer;
  private count = 0;

  constructor(
    private readonly handshake: Handshake,
    private readonly clients: OpenClients,
    private readonly stored: StoredResponses,
    private readonly calls: OpenAiCalls,
    private readonly submitAndListen: SubmitAndListen,
    private readonly answerWait: AnswerWait,
    private readonly waitingRequests: WaitingRequests,
    @Inject(ANSWER_LISTENER) private readonly answers: AnswerListener,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'steadyMs'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const { max_frame_bytes: maxPayload } = config.server.websocket;
    this.server = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false });
  }

  onApplicationShutdown(): void {
    this.server.close();
  }

  /**
   * False for a request that asks for no WebSocket.
   *
   * @throws {RefusedError} what `Handshake.judge` throws
   */
  open(request: FastifyRequest): boolean {
    const { raw } = request;
    if (raw.headers.upgrade?.toLowerCase() !== 'websocket') return false;
    const evidence = this.handshake.judge(request);
    const upgrade = takeUpgrade(raw);
    if (upgrade === null) return false;
    this.server.handleUpgrade(raw, upgrade.socket, upgrade.head, (socket: WebSocket) => {
      const limits = this.config.server.websocket;
      const client = new FrameClient(socket, raw, evidence, limits, this.sources.steadyMs);
      this.clients.add(client);
      this.clients.admitByHandshake(client);
      client.onEnd(() => {
        for (const subscription of [...client.subscriptions.values()]) subscription.end();
      });
      client.onFrame((json) => this.carryOut(client, request, json));
    });
    return true;
  }

  private async carryOut(client: FrameClient, request: FastifyRequest, json: Buffer): Promise<void> {
    let out = new FrameOut(client, null);
    try {
      const read = readJson(json, this.config.server.max_body_fields, 'frame');
      if ('refusal' in read) throw read.refusal;
      const { type, stream_id, ...body } = isObject(read.value) ? read.value : {};
      const isName = typeof stream_id === 'string' && stream_id.length <= MAX_STREAM_ID;
      if (isName) out = new FrameOut(client, stream_id);
      else if (stream_id != null) throw invalidFields([{ field: 'stream_id', reason: NO_STREAM_ID }]);
      if (type !== CREATE) throw invalidFields([{ field: 'type', reason: `must be ${CREATE}` }]);
      await this.answer(client, await this.asked(request, body, out), request);
    } catch (error) {
      this.refuse(out, error);
    }
  }

  /** @throws {RefusedError} */
  private async asked(request: FastifyRequest, body: Record<string, unknown>, out: FrameOut): Promise<Asked> {
    const caller = callerOf(request);
    const input = await this.stored.withReferences(caller, body['input']);
    const problems: FieldProblem[] = [];
    if (body['stream'] === false) problems.push({ field: 'stream', reason: 'must not be false here' });
    if (problems.length > 0) throw invalidFields(problems);
    const whole = { ...body, stream: true, ...(input === undefined ? {} : { input }) };
    const own = ownHeaders(request.headers);
    const asked = responsesRequestOf(whole, own, caller, this.config.openai);
    if (asked.previous !== null) await this.stored.previous(caller, asked.previous);
    return { caller, request: asked, out };
  }

  private async answer(client: FrameClient, asked: Asked, request: FastifyRequest): Promise<void> {
    const waiting = this.waitingRequests.enter(client.events, asked.caller.name);
    // While it is answered its client need not send anything.
    this.count += 1;
    const name = `response ${this.count}`;
    client.subscriptions.set(name, { end: () => waiting.end() });
    try {
      await this.stream(asked, request, waiting);
    } finally {
      client.subscriptions.delete(name);
      waiting.leave();
    }
  }

  private async stream({ caller, request, out }: Asked, { headers }: FastifyRequest, waiting: Waiting) {
    const { signal } = waiting;
    const { submission } = request;
    const callers = traceContextOf(headers['traceparent'], headers['tracestate']);
    const span = enterTrace('websocket submit', callers, { kind: SpanKind.SERVER });
    const trace = traceBehind(span, callers);
    const listening = {
      ...{ signal, onKey: () => undefined },
      listen: (id: string) => this.answers.chunks(id, signal),
    };
    const order = { caller, submission, trace, keyed: null };
    const submit = () => this.submitAndListen.submit(order, listening);
    const { accepted, completion, listening: chunks } = await within(span, submit);
    const about = aboutMessage(accepted.id, trace);
    const form = new ResponseStreamForm(out, headOf(submission, accepted), accepted.model ?? '', -1);
    const stream = new AnswerStream(out, {
      form,
      headersAfterMs: this.config.openai.stream_headers_after_ms,
      heartbeatMs: this.config.openai.heartbeat_ms,
      news: async () => '',
      onBegun: () => waiting.begun(),
      onPiecesLost: (err) => this.logger.warn({ err, ...about }, 'lost the pieces of an answer'),
    });
    const end = await stream.run(chunks, this.answerWait.ended(completion), signal).catch((err: unknown) => {
      this.logger.error({ err, ...about }, 'a stream broke off');
      return 'broken' as const;
    });
    const failed = this.calls.streamFailure(end, accepted.id, waiting);
    if (failed !== null) form.fail(failed, typeof end === 'object' ? end : null);
  }

  private refuse(out: FrameOut, thrown: unknown): void {
    const refusal = refusalOf(thrown);
    if (refusal.code === 'internal') this.logger.error({ err: thrown }, 'a frame was not carried out');
    const { error } = toOpenAiError(refusal);
    const { code, message, param } = error;
    const status = openAiStatus(refusal);
    out.event('error', { type: 'error', status, sequence_number: 0, code, message, param, error });
  }
}
