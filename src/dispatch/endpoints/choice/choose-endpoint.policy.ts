import type { ChoiceStrategy } from '../../../domain/choice-strategies.policy.js';
import { adaptiveLoad } from './adaptive-load.policy.js';
import { hasRoom, serving } from './eligible.policy.js';
import { leastConnections } from './least-connections.policy.js';
import { roundRobin } from './round-robin.policy.js';
import { sessionHome, sessionTakesPart } from './session-affinity.policy.js';
import {
  type Candidate,
  type ChoiceState,
  type Pick,
  placesTaken,
  type Random,
  type Strategy,
} from './strategy.policy.js';
import { weightedRandom } from './weighted-random.policy.js';
import { weightedRoundRobin } from './weighted-round-robin.policy.js';

const STRATEGIES: Readonly<Record<ChoiceStrategy, Strategy>> = {
  round_robin: roundRobin,
  weighted_round_robin: weightedRoundRobin,
  weighted_random: weightedRandom,
  least_connections: leastConnections,
  adaptive_load: adaptiveLoad,
  least_busy: leastConnections,
};

export interface Choice {
  /** Index into the candidates. */
  readonly index: number;
  /** Why this one, in words for people who read the log. */
  readonly reason: string;
  /** For the next choice among the same candidates. */
  readonly state: ChoiceState;
}

/**
 * Chooses among the deployments of a model; null when none can take the call now.
 *
 * @param candidates all deployments of the model, those that can't take the call too: the state goes by their order
 * @param state what the choice before gave; `NOTHING_CHOSEN` at first, and when the list has changed
 * @param session what is to stay at one endpoint, whatever the strategy; null for a call that may go anywhere
 */
export function chooseEndpoint(
  strategy: ChoiceStrategy,
  candidates: readonly Candidate[],
  state: ChoiceState,
  random: Random,
  session: string | null = null,
): Choice | null {
  if (candidates.length === 1) return onlyChoice(candidates[0]!, state);
  const among = serving(candidates, (candidate) =>
    session === null ? random() < candidate.share : sessionTakesPart(session, candidate),
  );
  if (among.free.length === 0) return null;
  const strategic = () => STRATEGIES[strategy](candidates, among.free, state, random);
  const sticky = () => (session === null ? null : sessionHome(session, candidates, among));
  const pick = onlyOne(candidates, among.free) ?? sticky() ?? strategic();
  return chosen(pick, state);
}

function chosen({ index, reason, credits }: Pick, state: ChoiceState): Choice {
  return { index, reason, state: { turn: state.turn + 1, credits: credits ?? state.credits } };
}

/** It gets the call whatever its part of the traffic is: nobody else can take it. */
function onlyChoice(candidate: Candidate, state: ChoiceState): Choice | null {
  if (!candidate.healthy || !hasRoom(candidate)) return null;
  return chosen({ index: 0, reason: `it is the only endpoint (${placesTaken(candidate)})` }, state);
}

function onlyOne(candidates: readonly Candidate[], free: readonly number[]): Pick | null {
  const [index] = free;
  if (free.length !== 1 || index === undefined) return null;
  const candidate = candidates[index]!;
  if (candidate.group === 'backup') return { index, reason: 'a backup, since no primary can serve' };
  return { index, reason: `only one of ${candidates.length} that can serve now` };
}
