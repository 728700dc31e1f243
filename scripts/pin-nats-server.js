import { pinRelease } from './nats-server/pin-release.js';
import { PINNED_SUMS } from './nats-server/release.source.js';

await pinRelease(process.env);
console.log(`Written: ${PINNED_SUMS}. Compare it with another source before you commit it.`);
