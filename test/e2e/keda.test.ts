import { status } from '@grpc/grpc-js';
import { expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { KedaClient } from '../support/keda-client.js';
import { startService } from '../support/service.js';

it('a service that decides how many slots there shall be tells KEDA', async () => {
  const port = await freePort();
  const service = await startService({
    config: {
      scheduler: { enabled: true, strategy: 'static', static_slots: 24, interval_ms: 200, keda: { port } },
    },
  });
  const keda = new KedaClient(`127.0.0.1:${port}`);
  try {
    await eventually(async () =>
      expect(await keda.metrics()).toEqual([
        { metricName: 'llmq-wanted-slots', metricValue: 24, metricValueFloat: 24 },
      ]),
    );
    expect(await keda.spec()).toMatchObject([{ targetSizeFloat: 16 }]);
    expect(await keda.isActive()).toBe(true);
    const waiting = { metric: 'waiting', target: '4', activationTarget: '0' };
    await eventually(async () => expect(await keda.metrics(waiting)).toMatchObject([{ metricValue: 0 }]));
    expect(await keda.isActive(waiting)).toBe(false);
    const told: unknown[] = [];
    const stream = keda.activity(waiting);
    stream.on('data', (activity) => told.push(activity));
    stream.on('error', (error) => told.push(error));
    await eventually(() => expect(told).toEqual([{ result: false }]));
    // A stream that is held keeps no stop waiting.
    await service.stop();
    await eventually(() => expect(told).toHaveLength(2));
    await expect(keda.metrics()).rejects.toMatchObject({ code: status.UNAVAILABLE });
  } finally {
    keda.close();
    await service.stop();
  }
}, 300_000);
