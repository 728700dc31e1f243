import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Inject,
  Injectable,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { NatsContext } from '@nestjs/microservices';
import type { FastifyRequest } from 'fastify';
import { assertNever } from '../domain/assert-never.js';
import type { Caller } from '../domain/caller.js';
import { CallerProof, type Evidence } from '../platform/security/caller-proof.js';
import { RefusedError, refused } from '../submission/refusal.js';

const ADMIN_ONLY = Symbol('adminOnly');
const CALLER = Symbol('caller');

/** What a request's caller is kept on: the HTTP request, the WebSocket's client, the context of the NATS message. */
interface Carrier {
  [CALLER]?: Caller | null;
}

/** A client as a WebSocket gateway has it: with the headers of its handshake, which stand for all its messages. */
export interface HandshakenClient {
  readonly handshake: { readonly headers: Evidence };
}

/** To be declared on Fastify's requests beforehand: they keep one shape then, and the engine's access stays fast. */
export const CALLER_PROPERTY = CALLER as unknown as string;

/**
 * For a controller or one of its handlers: a caller with another role is told `forbidden`. Over HTTP only these routes
 * need the guard: the admission hook has found every request's caller, and a guard on all routes takes a tenth of the
 * CPU time of accepting a message.
 */
export const AdminOnly = () => applyDecorators(SetMetadata(ADMIN_ONLY, true), UseGuards(CallerGuard));

/** Who sends the request that a handler serves. */
export const CallerOf = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Caller => callerOf(carrierOf(context).carrier),
);

/** The caller that was found before; every request that the guard let pass has one. */
export function callerOf(carrier: object): Caller {
  const caller = (carrier as Carrier)[CALLER];
  if (caller) return caller;
  throw new Error('This request has no caller: it passed neither the admission hook nor the guard.');
}

/**
 * Finds out who sends a request, once for each carrier.
 * @throws {RefusedError} `unauthorized`, `foreign_host`, `foreign_origin`
 */
export function admitCaller(proof: CallerProof, carrier: object, evidence: Evidence): Caller {
  const known = (carrier as Carrier)[CALLER];
  if (known) return known;
  const proven = proof.prove(evidence);
  if ('code' in proven) throw new RefusedError(proven);
  (carrier as Carrier)[CALLER] = proven;
  return proven;
}

/** Health needs no key: load balancers and process managers have none. */
export function isHealth(url: string): boolean {
  return url.startsWith('/health/');
}

/** Makes a caller of an HTTP request, of a WebSocket's handshake, or of a NATS message. */
@Injectable()
export class CallerGuard implements CanActivate {
  constructor(
    @Inject(CallerProof) private readonly proof: CallerProof,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  /** @throws {RefusedError} what `admitCaller` throws, and `forbidden` */
  canActivate(context: ExecutionContext): boolean {
    const { carrier, evidence } = carrierOf(context);
    if (context.getType() === 'http' && isHealth((carrier as FastifyRequest).url)) return true;
    const caller = admitCaller(this.proof, carrier, evidence);
    if (caller.role !== 'admin' && this.isForAdmins(context)) throw forbidden(caller);
    return true;
  }

  private isForAdmins(context: ExecutionContext): boolean {
    const places = [context.getHandler(), context.getClass()];
    return this.reflector.getAllAndOverride<boolean | undefined>(ADMIN_ONLY, places) === true;
  }
}

function carrierOf(context: ExecutionContext): { carrier: object; evidence: Evidence } {
  const type = context.getType();
  switch (type) {
    case 'http': {
      const request = context.switchToHttp().getRequest<FastifyRequest>();
      return { carrier: request, evidence: request.headers };
    }
    case 'ws': {
      const client = context.switchToWs().getClient<HandshakenClient>();
      return { carrier: client, evidence: client.handshake.headers };
    }
    case 'rpc': {
      const message = context.switchToRpc().getContext<NatsContext>();
      return { carrier: message, evidence: natsEvidence(message) };
    }
    default:
      return assertNever(type);
  }
}

/** Names of NATS headers differ by their case, and clients write this one in both. No browser sends any. */
function natsEvidence(message: NatsContext): Evidence {
  const headers = message.getHeaders() as { get(name: string): string } | undefined;
  const authorization = headers?.get('Authorization') || headers?.get('authorization') || undefined;
  return { authorization };
}

function forbidden({ name }: Caller): RefusedError {
  const message = `The API key ${name} has the role client; this route needs the role admin.`;
  return refused('forbidden', message);
}
