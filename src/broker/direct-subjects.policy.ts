import { LANES, type Lane } from '../domain/message/lane.policy.js';

/**
 * The subjects of those who speak NATS with the service, as the service sees them. The service's own login uses them as
 * they are written in the documentation (`llmq.intake.high`). A publisher writes the same; its credentials put
 * `llmq.publishers.<name>.` in the place of `llmq.` on the way, which nothing that it sends can change.
 */
export type Root = string;

const OWN: Root = 'llmq.';
const PUBLISHERS = 'llmq.publishers.';

/** What stands before all subjects of a publisher; of the service's own login for null. */
export function rootOf(publisher: string | null): Root {
  return publisher === null ? OWN : `${PUBLISHERS}${publisher}.`;
}

/** The name of the publisher whose credentials a subject came by; null for the service's own login. */
export function publisherOf(subject: string): string | null {
  return subject.startsWith(PUBLISHERS) ? (subject.slice(PUBLISHERS.length).split('.')[0] ?? null) : null;
}

export type IntakeLane = Lane | 'auto';
export const INTAKE_LANES: readonly IntakeLane[] = ['auto', ...LANES];

export function intakeSubject(root: Root, lane: IntakeLane): string {
  return `${root}intake.${lane}`;
}

/** Where what was not taken in is told. */
export function rejectedSubject(root: Root): string {
  return `${root}intake.rejected`;
}

/** Where the end of a message is told, unless its publisher names another place. */
export function resultSubject(root: Root, messageId: string): string {
  return `${root}results.${messageId}`;
}

const RESULTS = /^llmq\.results(\.[A-Za-z0-9_=-]+)+$/;
const MAX_SUBJECT_LENGTH = 200;

/**
 * The place that a publisher names for a result, as the service sees it; null where it may name no such place. All
 * places lie below its own `llmq.results.`: nobody names one that is another's, or that the service reads.
 */
export function namedResultSubject(root: Root, named: string): string | null {
  if (named.length > MAX_SUBJECT_LENGTH || !RESULTS.test(named)) return null;
  return root + named.slice(OWN.length);
}

const TOLD = /^llmq\.(publishers\.[A-Za-z0-9_-]+\.)?results(\.[A-Za-z0-9_=-]+)+$/;

/** Whether results may go there: an event of the log could say anything. */
export function isResultSubject(subject: string): boolean {
  return TOLD.test(subject);
}

/** `llmq.rpc.messages.submit` of one's own login and of any publisher. */
export function callSubjects(pattern: string): readonly string[] {
  return [pattern, `${PUBLISHERS}*.${pattern.slice(OWN.length)}`];
}
