import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Loaded into a process of the service with `--import`: on SIGUSR2 it writes into the file BENCH_HEAP_FILE how many bytes
 * the heap holds once everything that nobody needs is collected, a line each time. A leak shows there long before it
 * shows in the process's memory, whose size is also what the collector allows itself.
 */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

process.on('SIGUSR2', () => {
  // Twice: what a finalizer lets go in the first goes in the second.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  appendFileSync(process.env['BENCH_HEAP_FILE']!, `${heapUsed + external}\n`);
});
