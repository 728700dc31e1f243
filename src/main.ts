import { openFilesLimit } from './platform/open-files.js';
import { objectionToOpenFiles } from './platform/open-files.policy.js';

/** The service's process: everything that a person sees of a start that fails is one paragraph. */
const objection = objectionToOpenFiles(openFilesLimit());
if (objection !== null) {
  process.stderr.write(`llm-message-queue can't start: ${objection}\n`);
  process.exit(1);
}

// Loaded after the check: with too few open files Node finds packages missing that are there.
await import('./app/run-service.js');
