import { Inject, Injectable } from '@nestjs/common';
import { tokenCount } from '../../conversations/token-count.js';
import { accountingOf, type Price } from '../../domain/message/accounting.policy.js';
import type { Accounting, ModelRequest } from '../../domain/message/message.events.js';
import { pricePerMillion } from '../../platform/config/price.policy.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import type { ModelAnswer } from '../endpoints/model-endpoint.port.js';
import type { EndpointLease } from '../endpoints/registry/endpoint-lease.js';
import { estimatedUsage } from './usage-estimate.policy.js';

/** Says what an answered call used and cost: as the endpoint tells, or by a count of its own, at the price of now. */
@Injectable()
export class Accountant {
  constructor(@Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'prices'>) {}

  /** Never rejects: an answer is not lost for its account. */
  async of(
    request: ModelRequest,
    { offer }: Pick<EndpointLease, 'offer'>,
    answered: Pick<ModelAnswer, 'answer' | 'usage' | 'extra'>,
  ): Promise<Accounting | null> {
    try {
      const { usage } = answered;
      const estimate =
        usage === null ? estimatedUsage(request, answersOf(answered), await tokenCount()) : null;
      const price = offer.price ?? this.listedPrice(offer.name);
      return accountingOf({ model: offer.name, usage, estimate, price });
    } catch {
      return null;
    }
  }

  private listedPrice(model: string): Price | null {
    const { prices } = this.config;
    return Object.hasOwn(prices, model) ? pricePerMillion(prices[model]!) : null;
  }
}

/** The first answer, and those of further choices. */
function answersOf({ answer, extra }: Pick<ModelAnswer, 'answer' | 'extra'>): ModelAnswer['answer'][] {
  const choices = (extra?.['choices'] ?? []) as readonly { readonly message?: ModelAnswer['answer'] }[];
  return [answer, ...choices.flatMap(({ message }) => message ?? [])];
}
