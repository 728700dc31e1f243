import 'reflect-metadata';
import { printStartupError } from './platform/errors/startup-error.js';
import { startService } from './roles/start-service.js';

/** The service's process: everything that a person sees of a start that fails is one paragraph. */
const starting = startService(process.env);

// A signal during the start waits for it: half a start leaves servers running that only the next start would find.
// The second signal of a kind has Node's default effect, for whoever does not want to wait.
async function stop(signal: NodeJS.Signals): Promise<void> {
  const service = await starting.catch(() => null);
  if (service !== null) process.exit(await service.stop(signal));
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);

try {
  process.stdout.write((await starting).greeting);
} catch (error) {
  printStartupError(error);
  process.exit(1);
}
