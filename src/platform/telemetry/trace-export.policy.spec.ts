import { traceExport } from './trace-export.policy.js';

const none = { endpoint: '', sampleRatio: 0.5 };
const given = { ...none, endpoint: 'http://collector:4318/' };

describe('traces are exported', () => {
  it('nowhere until somebody says where to', () => {
    expect(traceExport(none, {})).toBeNull();
    expect(traceExport(none, { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_TRACES_EXPORTER: '' })).toBeNull();
  });

  it('to where the setting says', () => {
    expect(traceExport(given, {})).toEqual({
      variables: {
        OTEL_TRACES_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces',
      },
      sampleRatio: 0.5,
    });
    expect(traceExport(given, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })?.variables).toMatchObject({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: given.endpoint,
    });
  });

  it.each(['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'])(
    'to where %s says, before the setting',
    (name) => {
      for (const settings of [none, given]) {
        expect(traceExport(settings, { [name]: 'http://other:4318' })?.variables).toEqual({
          OTEL_TRACES_EXPORTER: 'otlp',
        });
      }
    },
  );

  it('by the exporter that OTEL_TRACES_EXPORTER names', () => {
    expect(traceExport(none, { OTEL_TRACES_EXPORTER: 'zipkin' })).toEqual({
      variables: {},
      sampleRatio: 0.5,
    });
    expect(traceExport(given, { OTEL_TRACES_EXPORTER: 'none' })).toBeNull();
  });

  it('not at all where the SDK is switched off', () => {
    expect(traceExport(given, { OTEL_SDK_DISABLED: 'true' })).toBeNull();
    expect(traceExport(given, { OTEL_SDK_DISABLED: 'false' })).not.toBeNull();
  });

  it('as OTEL_TRACES_SAMPLER chooses, before the setting', () => {
    expect(traceExport(given, { OTEL_TRACES_SAMPLER: 'always_off' })?.sampleRatio).toBeNull();
  });
});
