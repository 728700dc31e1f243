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
import { publisherOf } from '../broker/direct-subjects.policy.js';
import { assertNever } from '../domain/assert-never.js';
import type { Caller } from '../domain/caller.js';
import { type CallerRole, covers } from '../domain/caller-role.policy.js';
import { CallerProof, type Evidence, type Unproven } from '../platform/security/caller-proof.js';
import { RefusedError, refused } from '../submission/refusal.js';

const NEEDED_ROLE = Symbol('neededRole');
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
 * For a controller or one of its handlers: a caller with a lesser role is told `forbidden`. Over HTTP only these routes
 * need the guard: the admission hook has found every request's caller, and a guard on all routes takes a tenth of the
 * CPU time of accepting a message.
 */
const atLeast = (role: CallerRole) => applyDecorators(SetMetadata(NEEDED_ROLE, role), UseGuards(CallerGuard));

/** For what changes something, where the carrier was admitted to read: a WebSocket's handshake only reads. */
export const ClientOnly = () => atLeast('client');

/** For what belongs to the caller's own tenant. */
export const AdminOnly = () => atLeast('admin');

/** For what all tenants share. */
export const OperatorOnly = () => atLeast('operator');

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
 * @param reads whether the request changes nothing
 * @throws {RefusedError} `unauthorized`, `foreign_host`, `foreign_origin`, `forbidden`
 */
export function admitCaller(proof: CallerProof, carrier: object, evidence: Evidence, reads: boolean): Caller {
  return admit(carrier, () => proof.prove(evidence), reads);
}

function admit(carrier: object, prove: () => Caller | Unproven, reads: boolean): Caller {
  const known = (carrier as Carrier)[CALLER];
  if (known) return known;
  const proven = prove();
  if ('code' in proven) throw new RefusedError(proven);
  if (!reads && !covers(proven.role, 'client')) throw readsOnly(proven);
  (carrier as Carrier)[CALLER] = proven;
  return proven;
}

/** Whether a request of this method changes nothing. */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/** Health needs no key: load balancers and process managers have none. */
export function isHealth(url: string): boolean {
  return url.startsWith('/health/') || WHOLE_HEALTH.test(url);
}

const WHOLE_HEALTH = /^\/(api\/v1\/)?health(\?|$)/;

/** Makes a caller of an HTTP request, of a WebSocket's handshake, or of a NATS message. */
@Injectable()
export class CallerGuard implements CanActivate {
  constructor(
    @Inject(CallerProof) private readonly proof: CallerProof,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  /** @throws {RefusedError} what `admitCaller` throws, and `forbidden` */
  canActivate(context: ExecutionContext): boolean {
    const { carrier, prove, reads } = carrierOf(context);
    if (context.getType() === 'http' && isHealth((carrier as FastifyRequest).url)) return true;
    const caller = admit(carrier, () => prove(this.proof), reads);
    const needed = this.neededRole(context);
    if (needed !== undefined && !covers(caller.role, needed)) throw forbidden(caller, needed);
    return true;
  }

  private neededRole(context: ExecutionContext): CallerRole | undefined {
    const places = [context.getHandler(), context.getClass()];
    return this.reflector.getAllAndOverride<CallerRole | undefined>(NEEDED_ROLE, places);
  }
}

interface Carried {
  readonly carrier: object;
  readonly prove: (proof: CallerProof) => Caller | Unproven;
  readonly reads: boolean;
}

function carrierOf(context: ExecutionContext): Carried {
  const type = context.getType();
  switch (type) {
    case 'http': {
      const request = context.switchToHttp().getRequest<FastifyRequest>();
      const evidence = request.headers as Evidence;
      return { carrier: request, prove: (proof) => proof.prove(evidence), reads: isRead(request.method) };
    }
    case 'ws': {
      const client = context.switchToWs().getClient<HandshakenClient>();
      const { headers } = client.handshake;
      return { carrier: client, prove: (proof) => proof.prove(headers), reads: false };
    }
    case 'rpc': {
      const message = context.switchToRpc().getContext<NatsContext>();
      const publisher = publisherOf(message.getSubject());
      // The server has put it there, for the credentials that were used: a key would prove no more.
      const prove = (proof: CallerProof) =>
        publisher === null ? proof.prove(natsEvidence(message)) : proof.ofPublisher(publisher);
      return { carrier: message, prove, reads: false };
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

function forbidden({ name, role }: Caller, needed: CallerRole): RefusedError {
  const why = needed === 'operator' ? ', since all tenants share what it is about' : '';
  const message = `The API key ${name} has the role ${role}; this route needs the role ${needed}${why}.`;
  return refused('forbidden', message);
}

function readsOnly({ name }: Caller): RefusedError {
  return refused('forbidden', `The API key ${name} has the role viewer, which may only read.`);
}
