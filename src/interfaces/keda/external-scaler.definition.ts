import { fromJSON } from '@grpc/proto-loader';

/**
 * What KEDA asks of an external scaler, by its public definition (`externalscaler.proto`, package `externalscaler`, see
 * https://keda.sh/docs/latest/concepts/external-scalers). Names and numbers are KEDA's. It is in this form and no `.proto`
 * file, since a build copies no files. A call that is not here is answered UNIMPLEMENTED, and KEDA goes on without it.
 *
 * `targetSize` and `metricValue` are the older ones of each pair: whole numbers only.
 */
const MESSAGES = {
  ScaledObjectRef: {
    fields: {
      name: { type: 'string', id: 1 },
      namespace: { type: 'string', id: 2 },
      scalerMetadata: { keyType: 'string', type: 'string', id: 3 },
    },
  },
  IsActiveResponse: { fields: { result: { type: 'bool', id: 1 } } },
  GetMetricSpecResponse: { fields: { metricSpecs: { rule: 'repeated', type: 'MetricSpec', id: 1 } } },
  MetricSpec: {
    fields: {
      metricName: { type: 'string', id: 1 },
      targetSize: { type: 'int64', id: 2 },
      targetSizeFloat: { type: 'double', id: 3 },
    },
  },
  GetMetricsRequest: {
    fields: {
      scaledObjectRef: { type: 'ScaledObjectRef', id: 1 },
      metricName: { type: 'string', id: 2 },
    },
  },
  GetMetricsResponse: { fields: { metricValues: { rule: 'repeated', type: 'MetricValue', id: 1 } } },
  MetricValue: {
    fields: {
      metricName: { type: 'string', id: 1 },
      metricValue: { type: 'int64', id: 2 },
      metricValueFloat: { type: 'double', id: 3 },
    },
  },
};

const ExternalScaler = {
  methods: {
    IsActive: { requestType: 'ScaledObjectRef', responseType: 'IsActiveResponse' },
    StreamIsActive: {
      ...{ requestType: 'ScaledObjectRef', responseType: 'IsActiveResponse' },
      responseStream: true,
    },
    GetMetricSpec: { requestType: 'ScaledObjectRef', responseType: 'GetMetricSpecResponse' },
    GetMetrics: { requestType: 'GetMetricsRequest', responseType: 'GetMetricsResponse' },
  },
};

export const PACKAGE = 'externalscaler';

export function externalScalerDefinition() {
  const root: unknown = { nested: { [PACKAGE]: { nested: { ExternalScaler, ...MESSAGES } } } };
  // The types want a comment of each method, and know no maps.
  return fromJSON(root as Parameters<typeof fromJSON>[0], { longs: Number, defaults: true });
}
