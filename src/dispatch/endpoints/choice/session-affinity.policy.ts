import { hasRoom, type Serving } from './eligible.policy.js';
import { type Candidate, type Pick, placesTaken } from './strategy.policy.js';

/** Above this times the mean load, an endpoint's sessions move for a while: consistent hashing with bounded loads. */
const MAX_OF_MEAN = 1.25;

const { imul, log } = Math;

const NONE = { index: -1, score: Number.NEGATIVE_INFINITY };

const MAX_REMEMBERED = 10_000;
const nameHashes = new Map<string, number>();

/**
 * Keeps the calls of one session (a conversation, a user, or a key of the client's choice) at one endpoint, where a
 * server's prefix cache knows them: rendezvous hashing, which needs no memory and gives the same endpoint in every
 * process. When one of n comes or goes, only the sessions that it gains or loses move: 1/n of them. Weights count.
 *
 * A session moves on while its endpoint is away, full or above 1.25 times the mean load, to the next in its own order,
 * and back afterwards.
 */
export function sessionHome(
  session: string,
  candidates: readonly Candidate[],
  { members, free }: Serving,
): Pick {
  const sessionHash = hashOf(session);
  const all = together(candidates, members);
  let [bounded, roomy] = [NONE, NONE];
  // Loops without lists in between: each choice among many goes through here.
  for (const index of free) {
    const candidate = candidates[index]!;
    const score = scoreOf(sessionHash, candidate);
    if (score > roomy.score) roomy = { index, score };
    if (score > bounded.score && !isAbove(candidate, all)) bounded = { index, score };
  }
  let home = roomy;
  for (const index of members) {
    if (hasRoom(candidates[index]!)) continue;
    const score = scoreOf(sessionHash, candidates[index]!);
    if (score > home.score) home = { index, score };
  }
  // Some member is never above the mean, but it can be full where places differ.
  const { index } = bounded === NONE ? roomy : bounded;
  const taken = placesTaken(candidates[index]!);
  if (index === home.index) return { index, reason: `where its session is (${taken})` };
  const busy = candidates[home.index]!.name;
  return { index, reason: `instead of ${busy}, where its session is too busy (${taken})` };
}

/** Whether one that comes back takes part: the same for each call of a session, so that it moves back once. */
export function sessionTakesPart(session: string, { name, share }: Candidate): boolean {
  return unit(mixed(hashOf(session)) ^ hashOf(name)) < share;
}

interface Load {
  readonly taken: number;
  /** Places by their weight. */
  readonly room: number;
}

function together(candidates: readonly Candidate[], among: readonly number[]): Load {
  let taken = 0;
  let room = 0;
  for (const index of among) {
    const candidate = candidates[index]!;
    taken += candidate.taken;
    room += candidate.places * candidate.weight;
  }
  return { taken, room };
}

/** Multiplied and not divided: quotients that should be equal differ by what they are rounded by. */
function isAbove({ taken, places, weight }: Candidate, all: Load): boolean {
  return taken * all.room > MAX_OF_MEAN * all.taken * places * weight;
}

/** Weighted rendezvous: the highest `-weight / ln(u)` wins in proportion to the weights. */
function scoreOf(sessionHash: number, { name, weight }: Candidate): number {
  return -weight / log(unit(sessionHash ^ hashOfName(name)));
}

/** Remembered, since a choice among a hundred would read more than a thousand letters. */
function hashOfName(name: string): number {
  const known = nameHashes.get(name);
  if (known !== undefined) return known;
  if (nameHashes.size >= MAX_REMEMBERED) nameHashes.clear();
  const hash = mixed(hashOf(name));
  nameHashes.set(name, hash);
  return hash;
}

/** Above 0 and below 1. */
function unit(hash: number): number {
  return (mixed(hash) + 0.5) / 2 ** 32;
}

/** FNV-1a, 32 bit, over UTF-16 code units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** MurmurHash3's last step: each bit of the result depends on each of the input. */
function mixed(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = imul(h, 0x85ebca6b);
  h = imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
