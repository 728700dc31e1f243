import { writeFileSync } from 'node:fs';
import { dashboardText } from './dashboard.js';

/** `npm run dashboard`: writes what Grafana is given. */
const FILE = new URL('../dashboards/llm-message-queue.json', import.meta.url);
writeFileSync(FILE, dashboardText());
console.log(`Written: deploy/grafana/dashboards/llm-message-queue.json`);
