import { cpus, totalmem } from 'node:os';
import { findNatsServer } from '../scripts/nats-server-binary.js';
import { benchAccept } from './accept.bench.js';
import { benchBacklog } from './backlog.bench.js';
import { benchBatch } from './batch.bench.js';
import { benchBatchFile } from './batch-file.bench.js';
import { benchChat } from './chat.bench.js';
import { benchChoice } from './choice.bench.js';
import { benchDelays } from './delays.bench.js';
import type { Figure } from './figure.js';
import { benchFirstChunk } from './first-chunk.bench.js';
import { benchLanes } from './lanes.bench.js';
import { benchLive } from './live.bench.js';
import { benchMemory } from './memory.bench.js';
import { benchPeers } from './peers.bench.js';
import { benchPoison } from './poison.bench.js';
import { benchReads } from './reads.bench.js';
import { benchRebuild } from './rebuild.bench.js';
import { benchResponses } from './responses.bench.js';
import { benchTraces } from './traces.bench.js';
import { benchWholePath } from './whole-path.bench.js';
import { benchWorkers } from './workers.bench.js';

/**
 * `npm run bench` with some of the names below, or all of them but `peers` without a name. Every figure is a ratio or a
 * difference within this one run; absolute numbers say more about the machine than about the code.
 */
const BENCHES: Record<string, () => Promise<Figure | Figure[]>> = {
  accept: benchAccept,
  batch: benchBatch,
  'batch-file': benchBatchFile,
  backlog: benchBacklog,
  path: benchWholePath,
  chat: benchChat,
  choice: benchChoice,
  'first-chunk': benchFirstChunk,
  delays: benchDelays,
  lanes: benchLanes,
  live: benchLive,
  memory: benchMemory,
  peers: benchPeers,
  poison: benchPoison,
  reads: benchReads,
  rebuild: benchRebuild,
  responses: benchResponses,
  traces: benchTraces,
  workers: benchWorkers,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  process.stderr.write(`No benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}.\n`);
  process.exit(2);
}

// The servers' processes and idle connections are no reason for Node to stay, but a benchmark that waits for their end is.
const awake = setInterval(() => {}, 60_000);
const figures: Figure[] = [];
/** Beside others it measures once more what `path` and `chat` do. */
const alone = Object.keys(BENCHES).filter((name) => name !== 'peers');
for (const name of wanted.length > 0 ? wanted : alone) {
  process.stderr.write(`${name} ...\n`);
  figures.push(
    (await BENCHES[name]!()
      .then((figure) => figure)
      .catch(failed(name))) as never,
  );
}
clearInterval(awake);
process.stdout.write(`${await machine()}\n`);
console.table(figures.flat());

function failed(name: string) {
  return (error: Error): Figure => {
    process.stderr.write(`${error.stack}\n`);
    return { what: name, ours: '-', theirs: '-', result: error.message, target: '-', met: false };
  };
}

async function machine(): Promise<string> {
  const [cpu] = cpus();
  const { version } = await findNatsServer({ log: () => {} });
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} x ${cpu?.model}, ${memory}, ${process.platform} ${process.arch}, Node ${process.version}, nats-server ${version}`;
}
