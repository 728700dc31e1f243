import 'reflect-metadata';
import { printStartupError } from './platform/errors/startup-error.js';
import { startService } from './roles/start-service.js';

/** The service's process: everything that a person sees of a start that fails is one paragraph. */
try {
  const service = await startService(process.env);
  process.stdout.write(service.greeting);
  const stop = (signal: NodeJS.Signals) => void service.stop(signal).then((code) => process.exit(code));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  printStartupError(error);
  process.exit(1);
}
