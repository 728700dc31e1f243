import { parentPort } from 'node:worker_threads';
import type { FromSingleThread, ToSingleThread } from './single-thread.js';

/** What each thread of `SingleThread` runs: it loads the module of its tasks, and carries them out in their order. */
const port = parentPort!;
const { default: carryOut } = await import(process.argv[2]!);
const tell = (answer: FromSingleThread<unknown>) => port.postMessage(answer);

let turn: Promise<void> = Promise.resolve();
port.on('message', (message: ToSingleThread<unknown>) => {
  turn = turn.then(() => answer(message));
});

async function answer({ id, task }: ToSingleThread<unknown>): Promise<void> {
  try {
    tell({ id, result: await carryOut(task) });
  } catch (error) {
    tell({ id, error: error as Error });
  }
}
