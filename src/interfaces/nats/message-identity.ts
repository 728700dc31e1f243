import { v5, version } from 'uuid';
import type { Root } from '../../broker/direct-subjects.policy.js';
import { isUuid } from '../../domain/uuid.policy.js';

/** Of the ids that the service makes of names. Never another one: what is redelivered must find what it became. */
const NAMESPACE = 'c1a5f0de-8a6c-4c36-9d0e-6f2b9e5d7a10';
const DERIVED = 5;

/**
 * The id of a message that its publisher names: the name itself where it is a UUID. Not of version 5, which is how ids are
 * made of names: nobody may take the id that another one's next name will have.
 */
export function idNamed(root: Root, tenant: string, name: string): string {
  if (isUuid(name) && version(name) !== DERIVED) return name.toLowerCase();
  return v5(JSON.stringify([root, tenant, name]), NAMESPACE);
}

/** The id of a message that nobody named, from where and when the broker stored it. */
export function idOfPlace(stream: string, sequence: number, storedAt: string): string {
  return v5(`${stream} ${sequence} ${storedAt}`, NAMESPACE);
}
