import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { Caller } from '../../../domain/caller.js';
import { WebhookDeliveries } from '../../../operations/webhooks/webhook-deliveries.js';
import { type RefusedError, refused } from '../../../submission/refusal.js';
import { AdminOnly, CallerOf } from '../../caller.guard.js';
import { limitOf, orderOf } from '../list-query.dto.js';
import { RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import {
  deliveryFilter,
  deliveryJson,
  deliveryPageJson,
  ListDeliveriesDto,
  WebhookDeliveryDto,
  WebhookDeliveryPageDto,
} from './webhook.dto.js';
import { deliveryIdPipe } from './webhook-id.pipe.js';

@RestApi('webhooks')
@AdminOnly()
@Controller('api/v1/webhooks/deliveries')
export class WebhookDeliveriesController {
  constructor(private readonly deliveries: WebhookDeliveries) {}

  @Get()
  @ApiOperation({
    operationId: 'listWebhookDeliveries',
    summary: 'List who was told of the end of messages, by default the newest end first',
  })
  @ApiOkResponse({ type: WebhookDeliveryPageDto })
  async list(
    @Query(new ValidRequest(ListDeliveriesDto)) query: ListDeliveriesDto,
    @CallerOf() { tenant }: Caller,
  ): Promise<Record<string, unknown>> {
    const filter = deliveryFilter(tenant, query);
    const page = this.deliveries.list(filter, orderOf(query), limitOf(query), query.cursor ?? null);
    return deliveryPageJson(await page);
  }

  @Get(':id')
  @ApiOperation({ operationId: 'getWebhookDelivery', summary: 'Read what became of one webhook' })
  @ApiOkResponse({ type: WebhookDeliveryDto })
  async find(
    @Param('id', deliveryIdPipe) id: string,
    @CallerOf() { tenant }: Caller,
  ): Promise<Record<string, unknown>> {
    const found = await this.deliveries.find(tenant, id);
    if (found === null) throw notFound(id);
    return deliveryJson(found);
  }

  @Post(':id/redeliver')
  @HttpCode(202)
  @ApiOperation({
    operationId: 'redeliverWebhook',
    summary: 'Deliver a webhook once more',
    description:
      'At once, under the same `webhook-id` and with all its tries again. A receiver that is switched off has to be ' +
      'switched on before.',
  })
  @ApiAcceptedResponse({ type: WebhookDeliveryDto })
  async redeliver(
    @Param('id', deliveryIdPipe) id: string,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const wanted = await this.deliveries.redeliver(caller, id);
    if (wanted === null) throw notFound(id);
    return deliveryJson(wanted);
  }
}

function notFound(id: string): RefusedError {
  return refused('not_found', `There is no webhook delivery ${id}.`);
}
