import {
  type Case,
  type Contender,
  type Cpu,
  idlePercent,
  load,
  type Measured,
  measure,
  startChatEndpoint,
  startPortkey,
  startService,
  totalOf,
} from './chat/contenders.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';

/** Requests of a case; of one with a single client at a time it is a fifth, since those take longer. */
const REQUESTS = Number(process.env['BENCH_CHAT_REQUESTS'] ?? 1_500);
const ROUNDS = Number(process.env['BENCH_CHAT_ROUNDS'] ?? 1);
const IDLE_SECONDS = Number(process.env['BENCH_CHAT_IDLE_SECONDS'] ?? 10);
/** Another checkout of the service, built, that is measured in turn with this one. */
const OTHER = process.env['BENCH_SERVICE'] ?? null;
/** Such as `20,true,64`: this case alone. */
const ONLY = process.env['BENCH_CHAT_CASE'] ?? null;

const WARM_UP = 500;
const COMPARED_AT = 64;
const FIRST_PIECES = 150;
const REST_MS = 20;
const CASES: readonly Case[] = [1, 64, 256].flatMap((atOnce) =>
  [1, 20].flatMap((pieces) => [false, true].map((streamed) => ({ pieces, streamed, atOnce }))),
);
const IDLE_STREAM: Case = { pieces: 20, streamed: true, atOnce: 1 };

type Measures = ReadonlyMap<Contender, readonly Measured[]>;

/**
 * Chat completions through the whole service, from an endpoint that answers at once: what one costs in CPU, and what
 * its client sees. A rate says much about what else the machine does; CPU time for each request says little about that.
 */
export async function benchChat(): Promise<Figure[]> {
  const endpoint = await startChatEndpoint(0);
  const contenders: Contender[] = [];
  try {
    if (OTHER !== null) contenders.push(await startService('other', endpoint.matched, OTHER));
    const portkey = await startPortkey(endpoint.matched);
    contenders.push(portkey);
    const ours = await startService('ours', endpoint.matched, null);
    contenders.push(ours);
    const services = contenders.filter((one) => one !== portkey);
    for (const one of contenders) await warmUp(one);

    const figures: Figure[] = [];
    for (const one of CASES.filter((each) => ONLY === null || ONLY === Object.values(each).join())) {
      const measures = await inTurn(one.atOnce === COMPARED_AT ? contenders : services, one);
      report(one, measures);
      figures.push(cpuFigure(one, ours, measures));
      if (measures.has(portkey)) figures.push(rateFigure(one, ours, portkey, measures));
    }
    if (ONLY !== null) return figures;
    figures.push(await firstPieceFigure(endpoint.matched, services));
    figures.push(await idleFigure(services));
    return figures;
  } finally {
    for (const one of contenders) await one.stop();
    await endpoint.stop();
  }
}

/** Until the compiler has seen all of it. */
async function warmUp(contender: Contender): Promise<void> {
  for (const streamed of [true, false]) {
    await load(contender, { pieces: 20, streamed, atOnce: COMPARED_AT }, WARM_UP);
  }
}

async function inTurn(contenders: readonly Contender[], one: Case): Promise<Measures> {
  const measures = new Map<Contender, Measured[]>(contenders.map((each) => [each, []]));
  const requests = one.atOnce === 1 ? Math.ceil(REQUESTS / 5) : REQUESTS;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const each of contenders) measures.get(each)!.push(await measure(each, one, requests));
  }
  return measures;
}

function report(one: Case, measures: Measures): void {
  const rows = [...measures].map(([{ name }, rounds]) => ({
    contender: name,
    'CPU ms: service': milliseconds(rounds, ({ cpu }) => cpu.service),
    NATS: milliseconds(rounds, ({ cpu }) => cpu.nats),
    PostgreSQL: milliseconds(rounds, ({ cpu }) => cpu.postgres),
    'in all': milliseconds(rounds, ({ cpu }) => totalOf(cpu)),
    'requests/s': Math.round(median(rounds.map(({ perSecond }) => perSecond))),
    'whole ms': milliseconds(rounds, ({ totalMs }) => totalMs),
    'first piece ms': one.streamed ? milliseconds(rounds, ({ firstPieceMs }) => firstPieceMs!) : '-',
    'piece lag ms': one.streamed ? milliseconds(rounds, ({ pieceLagMs }) => pieceLagMs!) : '-',
  }));
  process.stdout.write(`${nameOf(one)}\n`);
  console.table(rows);
}

function cpuFigure(one: Case, ours: Contender, measures: Measures): Figure {
  const target = one.pieces === 20 && one.atOnce === COMPARED_AT ? (one.streamed ? 1.7 : 1.5) : null;
  const other = [...measures.keys()].find(({ name }) => name === 'other');
  const cpuOf = (each: Contender) => median(measures.get(each)!.map(({ cpu }) => totalOf(cpu)));
  const cpu = cpuOf(ours);
  return {
    what: `${nameOf(one)}: CPU of service, NATS and PostgreSQL for each`,
    ours: `${cpu.toFixed(2)} ms`,
    theirs: other === undefined ? '-' : `${cpuOf(other).toFixed(2)} ms`,
    result: other === undefined ? `${cpu.toFixed(2)} ms` : `${(cpu / cpuOf(other)).toFixed(2)} of the other`,
    target: target === null ? '-' : `<= ${target} ms`,
    met: target === null ? null : cpu <= target,
  };
}

function rateFigure(one: Case, ours: Contender, theirs: Contender, measures: Measures): Figure {
  const rates = (each: Contender) => measures.get(each)!.map(({ perSecond }) => perSecond);
  const [a, b] = [rates(ours), rates(theirs)];
  const ratio = median(a.map((rate, round) => rate / b[round]!));
  return {
    what: `${nameOf(one)}: rate, against ${theirs.name}, which stores nothing`,
    ours: `${Math.round(median(a))}/s`,
    theirs: `${Math.round(median(b))}/s`,
    result: ratio.toFixed(2),
    target: '>= 1',
    met: ratio >= 1,
  };
}

async function firstPieceFigure(endpointUrl: string, services: readonly Contender[]): Promise<Figure> {
  const firstMs = async (of: Pick<Contender, 'baseUrl' | 'headers'>) =>
    (await load(of, IDLE_STREAM, FIRST_PIECES, REST_MS)).firstPieceMs!;
  const direct = await firstMs({ baseUrl: `${endpointUrl}/v1`, headers: {} });
  const added: string[] = [];
  let last = 0;
  for (const service of services) {
    last = (await firstMs(service)) - direct;
    added.push(`${service.name} +${last.toFixed(2)} ms`);
  }
  return {
    what: "first piece of a stream on an idle service, over the endpoint's own, median",
    ours: added.at(-1)!,
    theirs: added.length > 1 ? added[0]! : `endpoint ${direct.toFixed(2)} ms`,
    result: `+${last.toFixed(2)} ms`,
    target: '<= 3.5 ms',
    met: last <= 3.5,
  };
}

async function idleFigure(services: readonly Contender[]): Promise<Figure> {
  const shares = await Promise.all(services.map((each) => idlePercent(each, IDLE_SECONDS)));
  const ours = shares.at(-1)!;
  return {
    what: `with nothing to do for ${IDLE_SECONDS} s: share of a core of service + NATS + PostgreSQL`,
    ours: percentages(ours),
    theirs: shares.length > 1 ? percentages(shares[0]!) : '-',
    result: `service ${ours.service.toFixed(1)} %`,
    target: '< 1 %',
    met: ours.service < 1,
  };
}

function nameOf({ pieces, streamed, atOnce }: Case): string {
  return `chat, ${pieces} piece${pieces === 1 ? '' : 's'}, ${streamed ? '' : 'not '}streamed, ${atOnce} at once`;
}

function milliseconds(rounds: readonly Measured[], of: (one: Measured) => number): string {
  return median(rounds.map(of)).toFixed(2);
}

function percentages({ service, nats, postgres }: Cpu): string {
  return `${[service, nats, postgres].map((share) => share.toFixed(1)).join(' + ')} %`;
}
