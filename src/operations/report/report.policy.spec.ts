import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LANES } from '../../domain/message/lane.policy.js';
import { perLaneOf } from '../../domain/message/per-lane.js';
import { type Finding, GUIDE_PLACES, QUESTIONS, SEVERITIES } from './finding.policy.js';
import { type Report, reportOf, VERDICTS } from './report.policy.js';
import type {
  EndpointSignal,
  LaneSignal,
  LogSignal,
  SchedulerSignal,
  Signal,
  SignalName,
  Signals,
  TablesSignal,
} from './signals.policy.js';

const PAUSE = { since: '2030-01-01T00:00:00.000Z', by: 'ann', reason: 'A move' };
const NO_SECONDS = perLaneOf<number | null>(() => null);
const TABLES: TablesSignal = {
  ...{ answers: true, lag: 0, caughtUp: true, moved: false, stop: null, lostRecords: 0 },
};
const LOG: LogSignal = { answers: true, room: 'open', text: 'New messages are accepted.', hindrance: null };

function lane(name: LaneSignal['lane'], but: Partial<LaneSignal> = {}): LaneSignal {
  return { lane: name, waiting: 0, running: 0, startable: 8, pause: null, ...but };
}

function lanes(but: Partial<LaneSignal> = {}): Signal<readonly LaneSignal[]> {
  return { value: LANES.map((name) => (name === 'low' ? lane(name, but) : lane(name))) };
}

function endpoint(
  name: string,
  state: EndpointSignal['models'][number]['state'],
  but: Partial<EndpointSignal> = {},
): EndpointSignal {
  const models = [{ model: 'm', state, reason: 'no server listens', coolsForSeconds: 0 }];
  return { name, drained: false, models, ...but };
}

const WELL: Signals = {
  log: { value: LOG },
  lanes: lanes(),
  oldest: { value: NO_SECONDS },
  workers: { value: { count: 1, slots: 8, running: 0 } },
  endpoints: { value: [endpoint('gpu', 'healthy')] },
  ended: { value: { processed: 1_000, dead: 0, reasons: [] } },
  attempts: { value: [{ endpoint: 'gpu', attempts: 1_000, failed: 3, code: 'broken_stream' }] },
  webhooks: { value: { waiting: 2, failing: 0, oldestFailingSeconds: null, overdue: 0 } },
  durability: { value: 'Accepted messages are fsynced per write.' },
  tables: { value: TABLES },
  scheduler: { value: null },
};

const given = (but: Partial<Signals>) => reportOf({ ...WELL, ...but });
const first = (but: Partial<Signals>) => {
  const { findings } = given(but);
  return { ...findings[0], count: findings.length };
};
const answerTo = ({ questions }: Report, question: string) =>
  questions.find((each) => each.question === question)?.verdict;

describe('the report', () => {
  it('is well where all is known and nothing is wrong', () => {
    expect(reportOf(WELL)).toEqual({
      verdict: 'well',
      questions: QUESTIONS.map((question) => ({ question, verdict: 'well' })),
      findings: [],
      unknown: [],
    });
  });

  it('puts the worst first, of findings and of questions', () => {
    const report = given({
      lanes: lanes({ waiting: 3, pause: PAUSE }),
      workers: { value: { count: 0, slots: 0, running: 0 } },
      ended: { value: { processed: 1, dead: 1, reasons: [] } },
    });
    expect(report.findings.map(({ code, severity }) => [code, severity])).toEqual([
      ['no_worker', 'critical'],
      ['lane_paused', 'warning'],
      ['dead_letters', 'warning'],
    ]);
    expect(report.questions.map(({ question, verdict }) => [question, verdict])).toEqual([
      ['flow', 'wrong'],
      ['success', 'wrong'],
      ['freshness', 'well'],
    ]);
  });

  it('points to sections that are there', () => {
    const root = resolve(import.meta.dirname, '../../..');
    for (const place of GUIDE_PLACES) {
      const [path, anchor] = place.split('#');
      const headings = readFileSync(resolve(root, path!), 'utf8').match(/^#+ .+$/gm) ?? [];
      const anchors = headings.map((heading) =>
        heading
          .replace(/^#+ /, '')
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      );
      expect(anchors).toContain(anchor);
    }
  });
});

describe('does work start?', () => {
  it('not while NATS is silent, or the log has no room', () => {
    expect(first({ log: { value: { answers: false, error: 'timeout' } } })).toMatchObject({
      ...{ code: 'log_silent', severity: 'critical', evidence: { error: 'timeout' } },
    });
    expect(first({ log: { value: { ...LOG, room: 'disk_reserve', text: '3 MiB free' } } })).toMatchObject({
      ...{ code: 'log_closed', evidence: { room: 'disk_reserve', said: '3 MiB free' } },
      action: { at: 'docs/operations.md#when-the-disk-is-full' },
    });
    expect(first({ log: { value: { ...LOG, hindrance: '1 of 3 servers' } } }).evidence).toMatchObject({
      said: '1 of 3 servers',
    });
    expect(given({ log: { value: { ...LOG, room: 'unsure' } } }).verdict).toBe('well');
  });

  it('not without a worker', () => {
    const workers = { value: { count: 0, slots: 0, running: 0 } };
    expect(first({ workers, lanes: lanes({ waiting: 3 }) })).toMatchObject({
      ...{
        code: 'no_worker',
        severity: 'critical',
        text: 'No worker is heard, and 3 messages can not start.',
      },
      evidence: { waiting: 3, lanes: ['low 3'] },
      action: { at: 'docs/operations.md#several-processes' },
    });
    expect(first({ workers })).toMatchObject({ code: 'no_worker', severity: 'warning' });
    const none = { value: { count: 2, slots: 0, running: 0 } };
    expect(first({ workers: none, lanes: lanes({ waiting: 1 }) })).toMatchObject({
      ...{ code: 'no_slot', text: '2 workers without a slot, and 1 message can not start.' },
    });
  });

  it('is well while a scheduler has put all to sleep, and wrong when something waits then', () => {
    const asleep: Partial<Signals> = {
      workers: { value: { count: 0, slots: 0, running: 0 } },
      scheduler: { value: { slots: 0, wantedSlots: 0, oldestSeconds: NO_SECONDS } },
    };
    expect(given(asleep)).toMatchObject({ verdict: 'well', unknown: [{ signal: 'endpoints' }] });
    expect(first({ ...asleep, lanes: lanes({ waiting: 1 }) })).toMatchObject({
      ...{ code: 'no_worker', action: { at: 'docs/scaling.md#who-carries-it-out' } },
    });
    // Whether it sleeps or lacks a worker is not known while nobody leads.
    const leaderless = given({ ...asleep, scheduler: { unknown: 'no leader' } });
    expect(leaderless).toMatchObject({ verdict: 'unknown', findings: [] });
  });

  it('not in a lane that is paused, told with who did it', () => {
    expect(first({ lanes: lanes({ waiting: 2, pause: PAUSE }) })).toMatchObject({
      ...{ code: 'lane_paused', name: 'low', count: 1 },
      evidence: { waiting: 2, paused_since: PAUSE.since, paused_by: 'ann', reason: 'A move' },
      action: { kind: 'call', at: 'POST /api/v1/admin/lanes/low/resume' },
    });
  });

  it('not at an endpoint that is down, which is worse where no other serves its model', () => {
    const down = endpoint('gpu', 'unhealthy');
    expect(first({ endpoints: { value: [down] } })).toMatchObject({
      ...{ code: 'endpoint_down', severity: 'critical', name: 'gpu', count: 1 },
      text: 'The endpoint gpu takes no calls, and no other serves m.',
      evidence: { models: ['m'], reason: 'no server listens' },
      action: { at: 'docs/operations.md#endpoints' },
    });
    const severityBeside = (other: EndpointSignal) => first({ endpoints: { value: [down, other] } }).severity;
    expect(severityBeside(endpoint('other', 'healthy'))).toBe('warning');
    expect(severityBeside(endpoint('other', 'healthy', { drained: true }))).toBe('critical');
    // Nobody says that it does not serve.
    expect(severityBeside(endpoint('other', null))).toBe('warning');
  });

  it('not where the only endpoint is drained, or where there is none', () => {
    const drained = endpoint('gpu 1', 'draining', { drained: true });
    expect(first({ endpoints: { value: [drained] } })).toMatchObject({
      ...{ code: 'endpoint_drained', action: { at: 'POST /api/v1/endpoints/gpu%201/undrain' } },
    });
    const beside = { value: [drained, endpoint('other', 'healthy')] };
    expect(given({ endpoints: beside }).findings).toEqual([]);
    expect(first({ endpoints: { value: [] } }).code).toBe('no_endpoint');
  });

  it('tells of an endpoint in doubt, and calls nothing wrong for it', () => {
    const report = given({ endpoints: { value: [endpoint('gpu', 'degraded')] } });
    expect(report).toMatchObject({ verdict: 'well', findings: [{ code: 'endpoint_degraded' }] });
  });

  it('tells a lane that stands from one that waits for slots', () => {
    const oldest = { value: { ...NO_SECONDS, low: 75.4 } };
    expect(first({ oldest, lanes: lanes({ waiting: 4 }) })).toMatchObject({
      ...{ code: 'lane_stands', severity: 'critical', name: 'low' },
      evidence: { waiting: 4, startable: 8, oldest_age_seconds: 75 },
    });
    const busy = { oldest, lanes: lanes({ waiting: 4, startable: 0 }) };
    expect(first(busy)).toMatchObject({
      ...{ code: 'lane_waits', severity: 'note', action: { at: 'docs/scaling.md#switching-it-on' } },
    });
    const young = { value: { ...NO_SECONDS, low: 59 } };
    expect(given({ ...busy, oldest: young }).findings).toEqual([]);
    // The endpoint says when it takes the next one.
    const cooling = endpoint('gpu', 'healthy', {
      models: [{ model: 'm', state: 'healthy', reason: '', coolsForSeconds: 9 }],
    });
    const limited = { oldest, lanes: lanes({ waiting: 4 }), endpoints: { value: [cooling] } };
    expect(first(limited).code).toBe('lane_waits');
  });

  it('advises by what the scheduler wants only while that is known', () => {
    const advice = (scheduler: Signal<SchedulerSignal | null>) =>
      first({
        scheduler,
        oldest: { value: { ...NO_SECONDS, low: 75 } },
        lanes: lanes({ waiting: 4, startable: 0 }),
      }).action?.at;
    const readings = { slots: 4, wantedSlots: 9, oldestSeconds: NO_SECONDS };
    expect(advice({ value: readings })).toBe('docs/scaling.md#who-carries-it-out');
    expect(advice({ value: { ...readings, wantedSlots: 4 } })).toContain('/scheduler/decisions');
    expect(advice({ unknown: 'no leader' })).toBe('GET /api/v1/scheduler');
  });
});

describe('does it end well?', () => {
  it('tells dead letters by their share, with their reasons', () => {
    const reasons = [{ code: 'endpoint_rejected', model: 'm', tenant: 'red', count: 12 }];
    const of = (processed: number, dead: number) => first({ ended: { value: { processed, dead, reasons } } });
    expect(of(100, 12)).toMatchObject({
      ...{ code: 'dead_letters', severity: 'critical' },
      evidence: {
        processed: 100,
        dead: 12,
        share: 0.12,
        reasons: ['endpoint_rejected 12 (model m, tenant red)'],
      },
      action: { at: 'GET /api/v1/admin/dead-letters?limit=10&error_code=endpoint_rejected' },
    });
    expect(of(100, 1).severity).toBe('warning');
    expect(of(1_000, 1).severity).toBe('note');
  });

  it('tells an endpoint whose calls fail, where enough of them do', () => {
    const of = (attempts: number, failed: number) =>
      given({ attempts: { value: [{ endpoint: 'gpu', attempts, failed, code: 'x' }] } }).findings;
    expect(of(50, 10)).toMatchObject([{ code: 'attempts_fail', name: 'gpu', evidence: { share: 0.2 } }]);
    expect(of(9, 9)).toEqual([]);
    expect(of(1_000, 99)).toEqual([]);
  });

  it('tells webhooks that nobody sends, and those that nobody takes', () => {
    const of = (but: object) =>
      given({
        webhooks: { value: { waiting: 5, failing: 0, oldestFailingSeconds: null, overdue: 0, ...but } },
      }).findings.map(({ code, severity }) => [code, severity]);
    expect(of({ overdue: 1 })).toEqual([['webhooks_overdue', 'warning']]);
    expect(of({ failing: 1, oldestFailingSeconds: 9 })).toEqual([['webhooks_fail', 'note']]);
    expect(of({ failing: 1, oldestFailingSeconds: 3_600 })).toEqual([['webhooks_fail', 'warning']]);
  });
});

describe('is what we see current?', () => {
  it.each<[string, Partial<TablesSignal>, string]>([
    ['tables on their way', { caughtUp: false, moved: true, lag: 9 }, 'projection_behind'],
    ['tables that stand', { caughtUp: false, lag: 9 }, 'projection_stands'],
    ['a projector that stopped', { caughtUp: false, lag: 9, stop: 'orphan_event' }, 'projection_stopped'],
    ['a log that lost records', { lostRecords: 2, stop: 'lost' }, 'log_lost_records'],
  ])('tells %s, and takes no figure from them', (_what, but, code) => {
    const report = given({
      tables: { value: { ...TABLES, ...but } },
      ended: { value: { processed: 1, dead: 1, reasons: [] } },
    });
    expect(report.findings.map((finding) => finding.code)).toEqual([code]);
    expect(answerTo(report, 'freshness')).toBe('wrong');
    expect(answerTo(report, 'success')).toBe('unknown');
    const unknown = report.unknown.map(({ signal }) => signal);
    expect(unknown).toEqual(['oldest', 'ended', 'attempts', 'webhooks']);
  });

  it('tells that PostgreSQL is silent', () => {
    const report = given({ tables: { value: { answers: false, error: 'refused' } } });
    expect(report.findings).toMatchObject([{ code: 'tables_silent', evidence: { error: 'refused' } }]);
  });
});

describe('what is not known', () => {
  it('is endpoints that nobody calls or checks', () => {
    const report = given({
      workers: { value: { count: 0, slots: 0, running: 0 } },
      endpoints: { value: [endpoint('gpu', 'unhealthy')] },
    });
    expect(report.findings.map(({ code }) => code)).toEqual(['no_worker']);
    expect(report.unknown.map(({ signal }) => signal)).toEqual(['endpoints']);
  });

  it('is how long messages wait, unless the scheduler has read it from the broker', () => {
    const behind = { tables: { unknown: 'silent' }, lanes: lanes({ waiting: 4 }) };
    expect(given(behind).findings).toEqual([]);
    const scheduler = {
      value: {
        ...{ slots: 8, wantedSlots: 8 },
        oldestSeconds: perLaneOf<number | null>((each) => (each === 'low' ? 99 : 0)),
      },
    };
    expect(given({ ...behind, scheduler }).findings.map(({ code }) => code)).toEqual(['lane_stands']);
  });

  it('is told beside the answer where it is no part of it', () => {
    const report = given({ durability: { unknown: 'your NATS' } });
    expect(report).toMatchObject({ verdict: 'well', unknown: [{ signal: 'durability', why: 'your NATS' }] });
  });
});

describe('for all signals', () => {
  const count = fc.integer({ min: 0, max: 50 });
  const seconds = fc.constantFrom<number | null>(null, 0, 59, 60, 5_000);
  const perLane = <T>(of: fc.Arbitrary<T>) =>
    fc.record({ realtime: of, high: of, normal: of, low: of }) as fc.Arbitrary<Record<LaneSignal['lane'], T>>;
  const someLanes = perLane(
    fc.record({
      ...{ waiting: count, running: count, startable: fc.integer({ min: 0, max: 2 }) },
      pause: fc.option(fc.constant(PAUSE)),
    }),
  ).map((of) => LANES.map((name) => ({ lane: name, ...of[name] })));
  const state = fc.constantFrom<EndpointSignal['models'][number]['state']>(
    ...(['healthy', 'degraded', 'unhealthy', 'draining', null] as const),
  );
  const someEndpoints = fc.array(
    fc.record({
      ...{ name: fc.constantFrom('a', 'b'), drained: fc.boolean() },
      models: fc.array(
        fc.record({
          ...{ model: fc.constantFrom('m', 'n'), state, reason: fc.constant('r') },
          coolsForSeconds: fc.constantFrom(0, 0, 5),
        }),
        { minLength: 1, maxLength: 2 },
      ),
    }),
    { maxLength: 2 },
  );
  const silent = fc.constant({ answers: false as const, error: 'e' });
  /** The broker's reading of the oldest is that of the tables: the world is one. */
  const someSignals: fc.Arbitrary<Signals> = fc
    .record({
      log: fc.oneof(
        silent,
        fc.record({
          ...{ answers: fc.constant(true as const), text: fc.constant('t') },
          room: fc.constantFrom<LogSignal['room']>('open', 'open', 'unsure', 'store_full'),
          hindrance: fc.constantFrom(null, null, 'h'),
        }),
      ),
      ...{ lanes: someLanes, oldest: perLane(seconds), endpoints: someEndpoints },
      workers: fc.constantFrom(
        { count: 0, slots: 0, running: 0 },
        { count: 1, slots: 0, running: 0 },
        { count: 2, slots: 8, running: 1 },
      ),
      ended: fc.record({ processed: count, dead: count, reasons: fc.constant([]) }),
      attempts: fc.array(
        fc.record({
          endpoint: fc.constantFrom('a', 'b'),
          attempts: count,
          failed: count,
          code: fc.constant('c'),
        }),
        { maxLength: 2 },
      ),
      webhooks: fc.record({
        ...{ waiting: count, failing: count, overdue: fc.constantFrom(0, 3) },
        oldestFailingSeconds: seconds,
      }),
      durability: fc.constant('d'),
      tables: fc.oneof(
        silent,
        fc.record({
          ...{ answers: fc.constant(true as const), lag: count, caughtUp: fc.boolean(), moved: fc.boolean() },
          ...{ stop: fc.constantFrom(null, null, 's'), lostRecords: fc.constantFrom(0, 0, 2) },
        }),
      ),
      scheduler: fc.option(fc.record({ slots: count, wantedSlots: fc.constantFrom(null, 0, 9) })),
    })
    .map(({ scheduler, oldest, ...others }) => ({
      ...(Object.fromEntries(
        Object.entries(others).map(([name, value]) => [name, { value }]),
      ) as unknown as Omit<Signals, 'scheduler' | 'oldest'>),
      oldest: { value: oldest },
      scheduler: { value: scheduler === null ? null : { ...scheduler, oldestSeconds: oldest } },
    }));
  const NAMES = Object.keys(WELL) as SignalName[];
  const someNames = fc.subarray(NAMES);
  const without = (signals: Signals, names: readonly SignalName[]): Signals => ({
    ...signals,
    ...(Object.fromEntries(names.map((name) => [name, { unknown: 'masked' }])) as unknown as Signals),
  });
  const about = ({ code, name }: Finding) => `${code} ${name}`;

  it('finds nothing more where less is known, and calls nothing well that it can not see', () => {
    fc.assert(
      fc.property(someSignals, someNames, (signals, names) => {
        const whole = reportOf(signals);
        const masked = reportOf(without(signals, names));
        const found = whole.findings.map(about);
        for (const finding of masked.findings) expect(found).toContain(about(finding));
        for (const { question, verdict } of masked.questions)
          if (verdict === 'well') expect(answerTo(whole, question)).toBe('well');
        if (masked.verdict === 'well') expect(whole.verdict).toBe('well');
      }),
      { numRuns: 1_000 },
    );
  });

  it('says of everything that is not known that it is not, and why', () => {
    fc.assert(
      fc.property(someSignals, someNames, (signals, names) => {
        const told = reportOf(without(signals, names)).unknown;
        const scheduled = !names.includes('scheduler') && 'value' in signals.scheduler;
        // The scheduler's reading may stand for this one.
        const wanted = names.filter((name) => name !== 'oldest' || !scheduled);
        const signalsTold = told.map(({ signal }) => signal);
        expect(signalsTold).toEqual(expect.arrayContaining(wanted));
        for (const { why } of told) expect(why).not.toBe('');
      }),
    );
  });

  it('has the worst first, and for each one thing to do', () => {
    fc.assert(
      fc.property(someSignals, someNames, (signals, names) => {
        const { verdict, findings, questions } = reportOf(without(signals, names));
        const ranks = findings.map(({ severity }) => SEVERITIES.indexOf(severity));
        expect(ranks).toEqual([...ranks].sort());
        const verdicts = questions.map((each) => VERDICTS.indexOf(each.verdict));
        expect(verdicts).toEqual([...verdicts].sort());
        expect(VERDICTS.indexOf(verdict)).toBe(verdicts[0]);
        expect(questions.map(({ question }) => question).sort()).toEqual([...QUESTIONS].sort());
        for (const { action, text, evidence } of findings) {
          expect(text).not.toBe('');
          expect(Object.keys(evidence)).not.toEqual([]);
          if (action.kind === 'guide') expect(GUIDE_PLACES).toContain(action.at);
          else expect(action.at).toMatch(/^(GET|POST) \/api\/v1\/\S+$/);
        }
        expect(verdict === 'wrong').toBe(findings.some(({ severity }) => severity !== 'note'));
      }),
    );
  });

  it('takes nothing from tables that are not current', () => {
    fc.assert(
      fc.property(someSignals, (signals) => {
        const { tables } = signals;
        const isCurrent =
          'value' in tables &&
          tables.value.answers &&
          tables.value.caughtUp &&
          tables.value.stop === null &&
          tables.value.lostRecords === 0;
        const { findings } = reportOf(signals);
        if (!isCurrent) expect(findings.filter(({ question }) => question === 'success')).toEqual([]);
      }),
    );
  });
});
