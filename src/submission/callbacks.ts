import type { Caller } from '../domain/caller.js';
import type { Callback } from '../domain/webhook/callback.events.js';
import type { ServiceConfig } from '../platform/config/service-config.js';
import { EgressPolicy } from '../platform/security/egress.js';
import { invalidFields } from './refusal.js';
import type { Submission } from './submission.js';

interface OfKey {
  readonly callback: Callback | null;
  readonly isSigned: boolean;
}

/**
 * Who is told when a message has ended: whom the message names, or else its API key's configuration, or else that of the
 * service. It is decided when the message is accepted and stored with it, so that a later change of the configuration
 * changes nothing for messages that are there.
 */
export class Callbacks {
  private readonly egress: EgressPolicy;
  private readonly ofKeys: ReadonlyMap<string, OfKey>;
  private readonly ofOthers: OfKey;

  constructor(config: ServiceConfig) {
    const { webhooks, security } = config;
    this.egress = new EgressPolicy(config);
    const everybodys: Callback | null =
      webhooks.url === '' ? null : { url: webhooks.url, named_by: 'configuration' };
    this.ofOthers = { callback: everybodys, isSigned: webhooks.secrets.length > 0 };
    this.ofKeys = new Map(
      security.api_keys.map(({ name, callback_url: url, webhook_secrets: secrets = webhooks.secrets }) => [
        name,
        {
          callback: url === undefined ? everybodys : { url, named_by: 'key' },
          isSigned: secrets.length > 0,
        },
      ]),
    );
  }

  /**
   * Null where nobody is told. What repeats a message is told to nobody but whom it names itself: its receiver knows the
   * message that it repeats.
   *
   * @throws {RefusedError} `invalid_fields`, for an address that may not be called, and where nothing could be signed
   */
  callbackOf(
    { name }: Pick<Caller, 'name'>,
    { callbackUrl: url, replayOf }: Pick<Submission, 'callbackUrl' | 'replayOf'>,
  ): Callback | null {
    if (url === null) return null;
    const { callback, isSigned } = this.ofKeys.get(name) ?? this.ofOthers;
    if (url === undefined) return replayOf === undefined ? callback : null;
    if (!isSigned)
      throw refusedUrl('has no use: webhooks.secrets is empty, so that no webhook can be signed');
    const refusal = this.egress.refusalAtSight(url);
    if (refusal !== null) throw refusedUrl(`is refused: ${refusal.message}`);
    return { url: new URL(url).href, named_by: 'message' };
  }
}

function refusedUrl(reason: string) {
  return invalidFields([{ field: 'callback_url', reason }]);
}
