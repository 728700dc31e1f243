import { Inject, Injectable } from '@nestjs/common';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { ConversationReader } from '../../projection/read/conversation-reader.js';
import { refused } from '../refusal.js';

/** `conversation.max_per_user`. */
@Injectable()
export class ConversationLimit {
  constructor(
    @Inject(ConversationReader) private readonly reader: ConversationReader,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  /**
   * Those that come at once may all pass and go over it: the limit is there against runaways, not to be counted on.
   *
   * @throws {RefusedError} `too_many_conversations`
   */
  async refuseTooMany(tenant: string, userId: string): Promise<void> {
    const { max_per_user: most } = this.config.conversation;
    if ((await this.reader.countOpen(tenant, userId, most)) < most) return;
    throw refused(
      'too_many_conversations',
      `The user has ${most} open conversations (conversation.max_per_user). Complete, archive or erase some.`,
    );
  }
}
