import {
  type IntakeLane,
  namedResultSubject,
  type Root,
  resultSubject,
} from '../../broker/direct-subjects.policy.js';
import { invalidFields } from '../../submission/refusal.js';
import type { Submission } from '../../submission/submission.js';
import { submissionOf } from '../rest/submission-of.js';
import { ValidRequest } from '../rest/valid-request.pipe.js';
import type { ReadPayload } from './cloud-event.js';
import { PublishedMessageDto } from './published-message.dto.js';

/** The header that names where a message's end is told, for who can't put it into the body. */
export const REPLY_SUBJECT = 'Llmq-Reply-Subject';

export interface SubmissionPlace {
  readonly root: Root;
  readonly lane: IntakeLane;
  readonly id: string;
  /** What that header says. */
  readonly replySubject?: string | undefined;
}

const validMessage = new ValidRequest(PublishedMessageDto);

/**
 * What a NATS client asks for, by the rules of `POST /api/v1/messages`, whose body it is.
 * @throws {RefusedError} `invalid_fields`, `invalid_json`
 */
export function submissionIn({ body, trace }: ReadPayload, place: SubmissionPlace): Submission {
  const dto = validMessage.transform(body);
  const submission = submissionOf(dto);
  return {
    ...submission,
    requestedPriority: priorityOf(submission.requestedPriority, place.lane),
    source: 'nats',
    trace,
    resultTo: resultPlace(place, dto.reply_subject ?? place.replySubject),
  };
}

function priorityOf(
  asked: Submission['requestedPriority'],
  lane: IntakeLane,
): Submission['requestedPriority'] {
  if (lane === 'auto') return asked;
  if (asked === null || asked === lane) return lane;
  throw invalidFields([{ field: 'priority', reason: `must be ${lane}, as in the subject, or absent` }]);
}

function resultPlace({ root, id }: SubmissionPlace, named: string | undefined): string {
  if (!named) return resultSubject(root, id);
  const place = namedResultSubject(root, named);
  if (place !== null) return place;
  const reason = 'must be a subject below llmq.results, as llmq.results.orders, without wildcards';
  throw invalidFields([{ field: 'reply_subject', reason }]);
}
