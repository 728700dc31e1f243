import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import type { INestApplication } from '@nestjs/common';
import { ServerGrpc } from '@nestjs/microservices';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { externalScalerDefinition, PACKAGE } from './external-scaler.definition.js';

/** What KEDA sends is a trigger's metadata. */
const MOST_BYTES = 64 * 1024;

/** That the port can't be listened on stops the start. */
export class ScalerPortError extends Error {
  readonly code = 'keda_port_unusable';
}

/** Where a port is set. It is listened on when the application's microservices start. */
export function serveKeda(
  app: INestApplication,
  { server, scheduler }: Pick<ServiceConfig, 'server' | 'scheduler'>,
): void {
  const { port } = scheduler.keda;
  if (port === null) return;
  // It would write to standard error, beside the log, what its errors say as well.
  setLogVerbosity(logVerbosity.NONE);
  app.connectMicroservice({ strategy: new ScalerServer(server.host, port) });
}

/** Nest's gRPC transport, without encryption and keys: for the network of a cluster only. */
class ScalerServer extends ServerGrpc {
  constructor(
    private readonly host: string,
    private readonly port: number,
  ) {
    super({
      url: `${host.includes(':') ? `[${host}]` : host}:${port}`,
      ...{ package: PACKAGE, packageDefinition: externalScalerDefinition() },
      maxReceiveMessageLength: MOST_BYTES,
    });
  }

  /** @throws {ScalerPortError} */
  override async createClient() {
    try {
      return await super.createClient();
    } catch (error) {
      throw new ScalerPortError(
        `Port ${this.port} on ${this.host} can't be listened on for KEDA (${String(error)}). Set SCHEDULER_KEDA_PORT (scheduler.keda.port) to a free port, or leave it out where no KEDA asks.`,
      );
    }
  }
}
