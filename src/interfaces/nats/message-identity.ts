import { v5 } from 'uuid';
import type { Root } from '../../broker/direct-subjects.policy.js';
import { isUuid } from '../../domain/uuid.policy.js';

/** Of the ids that the service makes of names. Never another one: what is redelivered must find what it became. */
const NAMESPACE = 'c1a5f0de-8a6c-4c36-9d0e-6f2b9e5d7a10';

/** The id of a message that its publisher names: the name itself where it is a UUID. */
export function idNamed(root: Root, name: string): string {
  return isUuid(name) ? name.toLowerCase() : v5(`${root} ${name}`, NAMESPACE);
}

/** The id of a message that nobody named, from where and when the broker stored it. */
export function idOfPlace(stream: string, sequence: number, storedAt: string): string {
  return v5(`${stream} ${sequence} ${storedAt}`, NAMESPACE);
}
