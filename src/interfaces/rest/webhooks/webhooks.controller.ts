import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { Caller } from '../../../domain/caller.js';
import { Receivers } from '../../../operations/webhooks/receivers.js';
import { WebhookDeliveries } from '../../../operations/webhooks/webhook-deliveries.js';
import { refused } from '../../../submission/refusal.js';
import { AdminOnly, CallerOf } from '../../caller.guard.js';
import { RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import {
  receiverJson,
  SwitchedOffReceiverDto,
  SwitchedOffReceiversDto,
  TestWebhookDto,
  testJson,
  WebhookTestDto,
} from './webhook.dto.js';
import { receiverIdPipe } from './webhook-id.pipe.js';

const validTest = new ValidRequest(TestWebhookDto);

@RestApi('webhooks')
@AdminOnly()
@Controller('api/v1/webhooks')
export class WebhooksController {
  constructor(
    private readonly deliveries: WebhookDeliveries,
    private readonly receivers: Receivers,
  ) {}

  @Post('test')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'testWebhook',
    summary: 'Send a signed test webhook, once, and tell what came of it',
    description: 'Its `type` is `webhook.test`. It is signed with the secrets of the API key that asks.',
  })
  @ApiBody({ type: TestWebhookDto, required: false })
  @ApiOkResponse({ type: WebhookTestDto })
  async test(@Body() body: unknown, @CallerOf() caller: Caller): Promise<Record<string, unknown>> {
    const { url } = validTest.transform(body ?? {});
    return testJson(await this.deliveries.test(caller, url ?? null));
  }

  @Get('receivers')
  @ApiOperation({
    operationId: 'listSwitchedOffReceivers',
    summary: 'List the receivers that are switched off, since they answered 410',
  })
  @ApiOkResponse({ type: SwitchedOffReceiversDto })
  list(@CallerOf() { tenant }: Caller): Record<string, unknown> {
    return { data: this.receivers.listOff(tenant).map(receiverJson) };
  }

  @Post('receivers/:id/switch-on')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'switchReceiverOn',
    summary: 'Send webhooks to a receiver again',
    description:
      'What ended while it was off is not sent by itself: `redeliver` sends it. Answers with the receiver as it was.',
  })
  @ApiOkResponse({ type: SwitchedOffReceiverDto })
  async switchOn(
    @Param('id', receiverIdPipe) id: string,
    @CallerOf() { tenant, name }: Caller,
  ): Promise<Record<string, unknown>> {
    const receiver = await this.receivers.switchOn(tenant, id, name);
    if (receiver === null) throw refused('not_found', `No receiver ${id} is switched off.`);
    return receiverJson(receiver);
  }
}
