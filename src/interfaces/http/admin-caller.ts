import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/caller.js';
import { RefusedError } from '../../submission/refusal.js';
import { callerOf } from './admission.hook.js';

/**
 * Who sends this request, for what admins alone may do.
 * @throws {RefusedError} `forbidden`
 */
export function adminOf(request: FastifyRequest): Caller {
  const caller = callerOf(request);
  if (caller.role === 'admin') return caller;
  throw new RefusedError({
    code: 'forbidden',
    message: `The API key ${caller.name} has the role client; this needs an admin's.`,
  });
}
