import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { alertRules, metricsIn } from '../support/alert-rules.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';

let service: RunningService;

beforeAll(async () => {
  // The log has a limit to tell of only where one is set.
  service = await startService({
    config: { scheduler: { enabled: true, interval_ms: 200 }, nats: { max_store_bytes: 4 * 1024 ** 3 } },
  });
}, 150_000);
afterAll(() => service?.stop());

/** `name{label="value", other=~"one|two"}` as a text that is matched by the lines of a scrape. */
function selectorPattern(selector: string): RegExp {
  const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(selector)!;
  const wanted = [...labels.matchAll(/(\w+)=~?"([^"]+)"/g)];
  return new RegExp(
    `^${name}(?=[{ ])${wanted.map(([, label, value]) => `(?=.*\\b${label}="(?:${value})")`).join('')}`,
    'm',
  );
}

// A name that is right and a label that nobody sets would make an alert that never fires.
it('a service tells every figure that an alert rule asks for, with its labels', async () => {
  const asked = [...new Set(alertRules().flatMap(({ expr }) => metricsIn(expr)))];
  await eventually(async () => {
    const scrape = await (await fetch(`${service.baseUrl}/metrics`)).text();
    expect(asked.filter((selector) => !selectorPattern(selector).test(scrape))).toEqual([]);
  });
});

it('tells that an embedded NATS writes each record to disk, and how many copies there are', async () => {
  const scrape = await (await fetch(`${service.baseUrl}/metrics`)).text();
  expect(scrape).toMatch(/^llmq_log_fsynced(?:\{.*\})? 1(?: |$)/m);
  expect(scrape).toMatch(/^llmq_log_replicas(?:\{.*\})? 1(?: |$)/m);
});
