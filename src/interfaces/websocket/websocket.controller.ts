import { Controller, Get, HttpException, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { opensWebSocket, takeUpgrade, WEBSOCKET_PATH } from '../http/upgrades.js';
import { FramesGateway } from './frames.gateway.js';
import { Handshake } from './handshake.js';

/** The address at which WebSockets are opened. OpenAPI has no words for it: the frames have a description of their own. */
@ApiExcludeController()
@Controller(WEBSOCKET_PATH)
export class WebSocketController {
  constructor(
    private readonly handshake: Handshake,
    private readonly gateway: FramesGateway,
  ) {}

  @Get()
  open(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { raw } = request;
    if (!opensWebSocket(request)) {
      void reply.header('upgrade', 'websocket').header('connection', 'upgrade');
      throw new HttpException('This address is for WebSockets: ask for an upgrade to one.', 426);
    }
    const evidence = this.handshake.judge(request);
    const upgrade = takeUpgrade(raw);
    if (upgrade === null) return;
    reply.hijack();
    const { sockets } = this.gateway;
    sockets.handleUpgrade(raw, upgrade.socket, upgrade.head, (socket) =>
      sockets.emit('connection', socket, raw, evidence),
    );
  }
}
