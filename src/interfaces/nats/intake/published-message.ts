import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { type Delivery, storedTimeIn } from '../../../broker/acks.js';
import type { IntakeLane, Root } from '../../../broker/direct-subjects.policy.js';
import type { IdentifiedSubmission } from '../../../submission/idempotency/submit-once.js';
import { invalidFields, type RefusedError } from '../../../submission/refusal.js';
import { refusedBy } from '../../../submission/refusal-of.js';
import type { Submission } from '../../../submission/submission.js';
import { readJson } from '../../http/json-body.js';
import { type ReadPayload, readPayload } from '../cloud-event.js';
import { idNamed, idOfPlace } from '../message-identity.js';
import { REPLY_SUBJECT, type SubmissionPlace, submissionIn } from '../submission-in.js';

/** Where published messages come from, and how they are read. */
export interface IntakePlace {
  readonly root: Root;
  readonly stream: string;
  readonly tenant: string;
  readonly lane: IntakeLane;
  /** Fields of objects in one message. */
  readonly maxFields: number;
}

export interface Published extends IdentifiedSubmission {
  /** As its publisher wrote it into the header. */
  readonly headerName: string | null;
}

/**
 * What a publisher asks for, or why it can't be. By the rules of `POST /api/v1/messages`, whose body it is.
 *
 * It has one id, whenever and by whomever it is read: by the name that its publisher gave it (`Nats-Msg-Id`, or the id of
 * a CloudEvent), or else by its place in the stream. So what is handed out again makes no second message.
 */
export function readPublished(message: Msg, delivery: Delivery, place: IntakePlace): Published {
  const { headers, refusal } = headersOf(message);
  const read = refusal === undefined ? payloadOf(message, headers, place.maxFields) : { refusal };
  const headerName = headers?.get('Nats-Msg-Id') || null;
  const named = headerName ?? ('read' in read ? read.read.name : null);
  const { root, stream } = place;
  const id =
    named === null
      ? idOfPlace(stream, delivery.streamSequence, storedTimeIn(message.reply ?? ''))
      : idNamed(root, place.tenant, named);
  const submission =
    'refusal' in read
      ? read.refusal
      : asked(read.read, { ...place, id, replySubject: headers?.get(REPLY_SUBJECT) });
  return { id, headerName, mayBeThere: named !== null || delivery.delivery > 1, submission };
}

/** The broker stores headers as they came; the client reads them when they are asked for, and throws where it can't. */
export function headersOf(message: Msg): { readonly headers?: MsgHdrs; readonly refusal?: RefusedError } {
  try {
    return message.headers === undefined ? {} : { headers: message.headers };
  } catch {
    return {
      refusal: invalidFields([{ field: 'headers', reason: 'must be lines of a name, a colon and a value' }]),
    };
  }
}

function payloadOf(
  { data }: Msg,
  headers: MsgHdrs | undefined,
  maxFields: number,
): ReturnType<typeof readPayload> {
  const json = readJson(Buffer.from(data.buffer, data.byteOffset, data.byteLength), maxFields);
  return 'refusal' in json ? json : readPayload(json.value, headers);
}

function asked(read: ReadPayload, place: SubmissionPlace): Submission | RefusedError {
  try {
    return submissionIn(read, place);
  } catch (error) {
    return refusedBy(error);
  }
}
