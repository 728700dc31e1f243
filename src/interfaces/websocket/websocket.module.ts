import { Module } from '@nestjs/common';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { SubmissionModule } from '../../submission/submission.module.js';
import { HttpModule } from '../http/http.module.js';
import { FrameErrorFilter } from './frame-error.filter.js';
import { FrameSubmissions } from './frame-submissions.js';
import { FramesGateway } from './frames.gateway.js';
import { Handshake } from './handshake.js';
import { OpenClients } from './open-clients.js';
import { Subscriptions } from './subscriptions.js';
import { WebSocketController } from './websocket.controller.js';

/**
 * WebSockets at `/ws`: submit, cancel and subscribe in frames of JSON. Needs `serveWebSockets` on the application.
 *
 * Leaves out what is read and changed by REST alone.
 */
@Module({
  imports: [HttpModule, SubmissionModule, ProjectionReaderModule],
  controllers: [WebSocketController],
  providers: [FramesGateway, FrameErrorFilter, FrameSubmissions, Subscriptions, Handshake, OpenClients],
  exports: [Handshake, OpenClients],
})
export class WebSocketModule {}
