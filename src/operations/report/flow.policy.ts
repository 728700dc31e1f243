import type { Lane } from '../../domain/message/lane.policy.js';
import { allServe, anyCools, endpointFindings } from './endpoint-findings.policy.js';
import { call, counted, type Finding, guide, type NextAction } from './finding.policy.js';
import { isKnown, type LaneSignal, type Signals } from './signals.policy.js';

/** A message that waits for less is in no trouble, however short the targets of its lane are. */
const LONG_SECONDS = 60;
/** Of these a person may be waiting for the answer. */
const URGENT: readonly Lane[] = ['realtime', 'high'];

const IN_FLOW = { question: 'flow' } as const;

/** Does work start? Each finding rests on signals that are known. */
export function flowFindings(signals: Signals): Finding[] {
  return [
    ...logFindings(signals),
    ...workerFindings(signals),
    ...endpointFindings(signals),
    ...pauseFindings(signals),
    ...waitFindings(signals),
  ];
}

/** Null where it is not known. */
export function waitingInAll({ lanes }: Pick<Signals, 'lanes'>): number | null {
  return isKnown(lanes) ? lanes.value.reduce((sum, { waiting }) => sum + waiting, 0) : null;
}

/** The scheduler has taken all slots away because there is nothing to do. */
export function isAsleep(signals: Signals): boolean {
  return mayBeAsleep(signals) && isKnown(signals.scheduler) && waitingInAll(signals) === 0;
}

/** The same where it is not known whether a scheduler wants it so, or whether anything waits. */
export function mayBeAsleep(signals: Signals): boolean {
  const { workers, scheduler } = signals;
  if (!isKnown(workers) || workers.value.slots > 0 || (waitingInAll(signals) ?? 0) > 0) return false;
  return !isKnown(scheduler) || scheduler.value?.wantedSlots === 0;
}

function logFindings({ log }: Signals): Finding[] {
  if (!isKnown(log)) return [];
  if (!log.value.answers) {
    return [
      {
        ...{ ...IN_FLOW, code: 'log_silent', severity: 'critical', name: null },
        text: 'NATS does not answer, so that nothing is accepted and nothing starts.',
        evidence: { error: log.value.error },
        action: guide('ownServers', 'See whether NATS runs and can be reached.'),
      },
    ];
  }
  const { room, text, hindrance } = log.value;
  // A doubt that passes by itself within seconds, or becomes `not_storing`.
  const isOpen = room === 'open' || room === 'unsure';
  if (isOpen && hindrance === null) return [];
  return [
    {
      ...{ ...IN_FLOW, code: 'log_closed', severity: 'critical', name: null },
      text: isOpen ? 'The log can not store.' : 'The log takes no new messages.',
      evidence: { room, said: isOpen ? hindrance : text },
      action: guide('diskFull', 'Give the log room, or its servers back.'),
    },
  ];
}

function workerFindings(signals: Signals): Finding[] {
  const { workers, scheduler } = signals;
  if (!isKnown(workers) || workers.value.slots > 0 || mayBeAsleep(signals)) return [];
  const { count, slots } = workers.value;
  const waiting = waitingInAll(signals);
  const isScaled = isKnown(scheduler) && scheduler.value !== null;
  const lack = count === 0 ? 'No worker is heard' : `${counted(count, 'worker')} without a slot`;
  return [
    {
      ...{ ...IN_FLOW, code: count === 0 ? 'no_worker' : 'no_slot', name: null },
      severity: waiting === 0 ? 'warning' : 'critical',
      text:
        waiting === null || waiting === 0
          ? `${lack}: what is accepted will not start.`
          : `${lack}, and ${counted(waiting, 'message')} can not start.`,
      evidence: { workers: count, slots, waiting, lanes: lanesWithWork(signals) },
      action: isScaled
        ? guide('actuator', 'See why the scheduler gets no slots.')
        : guide('processes', 'Start a process with the role worker.'),
    },
  ];
}

function lanesWithWork({ lanes }: Signals): string[] | null {
  if (!isKnown(lanes)) return null;
  return lanes.value.filter(({ waiting }) => waiting > 0).map(({ lane, waiting }) => `${lane} ${waiting}`);
}

function pauseFindings({ lanes }: Signals): Finding[] {
  if (!isKnown(lanes)) return [];
  return lanes.value.flatMap(({ lane, waiting, pause }): Finding[] => {
    if (pause === null) return [];
    // Somebody wanted it, so it is no emergency, and it is easily forgotten.
    const { since, by, reason } = pause;
    return [
      {
        ...{ ...IN_FLOW, code: 'lane_paused', severity: 'warning', name: lane },
        text: `The lane ${lane} is paused, and ${counted(waiting, 'message')} of it can not start.`,
        evidence: { lane, waiting, paused_since: since, paused_by: by, reason: reason || null },
        action: call(`POST /api/v1/admin/lanes/${lane}/resume`, 'Resume the lane when its pause is over.'),
      },
    ];
  });
}

/** What waits long: although nothing is known that would hold it, or because there are too few slots or places. */
function waitFindings(signals: Signals): Finding[] {
  const { lanes, oldest, workers, endpoints } = signals;
  if (!isKnown(lanes) || !isKnown(oldest) || !isKnown(workers) || !isKnown(endpoints)) return [];
  if (workers.value.slots === 0 || !allServe(endpoints.value)) return [];
  const isCooling = anyCools(endpoints.value);
  return lanes.value.flatMap((lane) => {
    const seconds = oldest.value[lane.lane];
    if (lane.pause !== null || lane.waiting === 0 || seconds === null || seconds < LONG_SECONDS) return [];
    return [lane.startable > 0 && !isCooling ? standing(lane, seconds) : queued(lane, seconds, signals)];
  });
}

function standing({ lane, waiting, running, startable }: LaneSignal, seconds: number): Finding {
  return {
    ...{ ...IN_FLOW, code: 'lane_stands', severity: 'critical', name: lane },
    text: `The oldest message of the lane ${lane} waits for ${Math.round(seconds)} s, although ${counted(startable, 'slot')} could take it.`,
    evidence: { lane, waiting, running, startable, oldest_age_seconds: Math.round(seconds) },
    action: guide('laneStands', 'Ask the oldest message what it waits for.'),
  };
}

function queued({ lane, waiting, running }: LaneSignal, seconds: number, signals: Signals): Finding {
  const { scheduler } = signals;
  const scaled = isKnown(scheduler) ? scheduler.value : null;
  return {
    ...{ ...IN_FLOW, code: 'lane_waits', name: lane },
    severity: URGENT.includes(lane) ? 'warning' : 'note',
    text: `The oldest message of the lane ${lane} waits for ${Math.round(seconds)} s: all slots, or all places at endpoints, are taken.`,
    evidence: {
      ...{ lane, waiting, running, oldest_age_seconds: Math.round(seconds) },
      ...{ slots: scaled?.slots ?? null, wanted_slots: scaled?.wantedSlots ?? null },
    },
    action: moreSlots(signals),
  };
}

/** What the leader wants is advice only while it is heard. */
function moreSlots({ scheduler }: Signals): NextAction {
  if (!isKnown(scheduler)) return call('GET /api/v1/scheduler', 'Read how the scheduler is set.');
  if (scheduler.value === null) return guide('switchOn', 'Let a scheduler size the workers, or add slots.');
  const { slots, wantedSlots } = scheduler.value;
  if (slots !== null && wantedSlots !== null && wantedSlots > slots)
    return guide('actuator', 'See why the slots that are wanted do not come.');
  return call('GET /api/v1/scheduler/decisions?limit=5', 'Read why the scheduler wants no more slots.');
}
