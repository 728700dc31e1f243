import {
  type ChannelCredentials,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

const optional = (fields: Record<string, string>) => ({
  fields: Object.fromEntries(Object.entries(fields).map(([name, type], at) => [name, { type, id: at + 1 }])),
});

/**
 * KEDA's `externalscaler.proto` as KEDA publishes it, said once more: what the service says of itself is not what it is
 * measured by.
 */
const AS_PUBLISHED: unknown = {
  nested: {
    externalscaler: {
      nested: {
        ExternalScaler: {
          methods: {
            IsActive: { requestType: 'ScaledObjectRef', responseType: 'IsActiveResponse' },
            StreamIsActive: {
              ...{ requestType: 'ScaledObjectRef', responseType: 'IsActiveResponse' },
              responseStream: true,
            },
            GetMetricSpec: { requestType: 'ScaledObjectRef', responseType: 'GetMetricSpecResponse' },
            GetMetrics: { requestType: 'GetMetricsRequest', responseType: 'GetMetricsResponse' },
            StreamMetricSpec: {
              ...{ requestType: 'ScaledObjectRef', responseType: 'GetMetricSpecResponse' },
              responseStream: true,
            },
          },
        },
        ScaledObjectRef: {
          fields: {
            name: { type: 'string', id: 1 },
            namespace: { type: 'string', id: 2 },
            scalerMetadata: { keyType: 'string', type: 'string', id: 3 },
          },
        },
        IsActiveResponse: optional({ result: 'bool' }),
        GetMetricSpecResponse: {
          fields: { metricSpecs: { rule: 'repeated', type: 'MetricSpec', id: 1 } },
        },
        MetricSpec: optional({ metricName: 'string', targetSize: 'int64', targetSizeFloat: 'double' }),
        GetMetricsRequest: optional({ scaledObjectRef: 'ScaledObjectRef', metricName: 'string' }),
        GetMetricsResponse: {
          fields: { metricValues: { rule: 'repeated', type: 'MetricValue', id: 1 } },
        },
        MetricValue: optional({ metricName: 'string', metricValue: 'int64', metricValueFloat: 'double' }),
      },
    },
  },
};

const DEFINITION = fromJSON(AS_PUBLISHED as Parameters<typeof fromJSON>[0], {
  longs: Number,
  defaults: true,
});

type Metadata = Readonly<Record<string, string>>;
type Unary = (request: object, answered: (error: ServiceError | null, answer: never) => void) => void;

interface Stub {
  IsActive: Unary;
  GetMetricSpec: Unary;
  GetMetrics: Unary;
  StreamIsActive(request: object): ClientReadableStream<{ result: boolean }>;
  StreamMetricSpec(request: object): ClientReadableStream<object>;
  close(): void;
}

/** Asks as KEDA does, over a port. */
export class KedaClient {
  private readonly stub: Stub;

  constructor(address: string) {
    const found = loadPackageDefinition(DEFINITION) as unknown as {
      externalscaler: { ExternalScaler: new (address: string, credentials: ChannelCredentials) => Stub };
    };
    this.stub = new found.externalscaler.ExternalScaler(address, credentials.createInsecure());
  }

  async isActive(metadata: Metadata = {}): Promise<boolean> {
    const { result } = await this.ask<{ result: boolean }>('IsActive', scaledObject(metadata));
    return result;
  }

  async spec(metadata: Metadata = {}): Promise<object[]> {
    const { metricSpecs } = await this.ask<{ metricSpecs: object[] }>(
      'GetMetricSpec',
      scaledObject(metadata),
    );
    return metricSpecs;
  }

  async metrics(metadata: Metadata = {}, metricName = ''): Promise<object[]> {
    const request = { scaledObjectRef: scaledObject(metadata), metricName };
    const { metricValues } = await this.ask<{ metricValues: object[] }>('GetMetrics', request);
    return metricValues;
  }

  activity(metadata: Metadata = {}): ClientReadableStream<{ result: boolean }> {
    return this.stub.StreamIsActive(scaledObject(metadata));
  }

  /** Newer KEDAs ask for it, and go on without it where it is not there. */
  specStream(metadata: Metadata = {}): ClientReadableStream<object> {
    return this.stub.StreamMetricSpec(scaledObject(metadata));
  }

  close(): void {
    this.stub.close();
  }

  private ask<T>(call: 'IsActive' | 'GetMetricSpec' | 'GetMetrics', request: object): Promise<T> {
    return new Promise((resolve, reject) => {
      this.stub[call](request, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  }
}

function scaledObject(scalerMetadata: Metadata): object {
  return { name: 'llmq-worker', namespace: 'llmq', scalerMetadata };
}
