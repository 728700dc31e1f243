import { Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import type { MessageView } from '../../projection/read/message-view.js';
import { CancelMessage } from '../../submission/cancel-message.js';
import { EraseMessage } from '../../submission/erase-message.js';
import { RefusedError, refusedField } from '../../submission/refusal.js';
import { StoredResponses } from './stored-responses.js';

/** Ends responses by the wish of their clients. */
@Injectable()
export class ResponseEndings {
  constructor(
    private readonly stored: StoredResponses,
    private readonly cancelMessage: CancelMessage,
    private readonly eraseMessage: EraseMessage,
  ) {}

  /**
   * The response as it is then: one that has ended stays as it is.
   *
   * @throws {RefusedError} `not_found`; `invalid_fields` for one that a client waits for, who only has to leave
   * @throws what `CancelMessage.cancel` throws
   */
  async cancel(caller: Caller, id: string): Promise<MessageView> {
    const view = await this.stored.find(caller, id);
    if (view.asked.response?.background !== true) {
      const reason = 'names a response that was not asked for with background: true';
      throw refusedField('invalid_fields', 'response_id', reason);
    }
    await this.end(caller, view);
    return this.stored.find(caller, id);
  }

  /**
   * Resolves when readers don't see it any more.
   *
   * @throws {RefusedError} `not_found`
   * @throws what `CancelMessage.cancel` and `EraseMessage.erase` throw
   */
  async erase(caller: Caller, id: string): Promise<void> {
    const view = await this.stored.find(caller, id);
    await this.end(caller, view);
    await this.eraseMessage.erase(caller, view.id);
  }

  private async end(caller: Caller, { id, status }: MessageView): Promise<void> {
    if (isTerminalStatus(status)) return;
    try {
      await this.cancelMessage.cancel(caller, id, 'its client asked for it');
    } catch (error) {
      if (!(error instanceof RefusedError && error.code === 'already_terminal')) throw error;
    }
  }
}
