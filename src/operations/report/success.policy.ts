import { call, counted, type Finding, guide, type Severity } from './finding.policy.js';
import {
  type AttemptsSignal,
  type DeadReason,
  type EndedSignal,
  isKnown,
  type Signals,
  type WebhooksSignal,
} from './signals.policy.js';

/** Of the messages that ended: below, dead letters are each a matter of its own; above, something is broken. */
const FEW_DEAD = 0.01;
const MANY_DEAD = 0.1;
/** A share of fewer says little. */
const FEWEST = 10;
const FAILED_SHARE = 0.1;
const LONG_SECONDS = 3_600;

const IN_SUCCESS = { question: 'success' } as const;

/** Does it end well? */
export function successFindings({ ended, attempts, webhooks }: Signals): Finding[] {
  return [
    ...(isKnown(ended) ? deadFindings(ended.value) : []),
    ...(isKnown(attempts) ? attempts.value.flatMap(attemptFindings) : []),
    ...(isKnown(webhooks) ? webhookFindings(webhooks.value) : []),
  ];
}

function deadFindings({ processed, dead, reasons }: EndedSignal): Finding[] {
  if (dead === 0) return [];
  const share = dead / Math.max(processed, dead);
  const severity: Severity =
    share >= MANY_DEAD && dead >= FEWEST ? 'critical' : share >= FEW_DEAD ? 'warning' : 'note';
  const first = reasons[0];
  const filter = first === undefined ? '' : `&error_code=${encodeURIComponent(first.code)}`;
  return [
    {
      ...{ ...IN_SUCCESS, code: 'dead_letters', severity, name: null },
      text: `${dead} of ${counted(processed, 'message')} that ended in the last hour became dead letters.`,
      evidence: { processed, dead, share: rounded(share), reasons: reasons.map(reasonText) },
      action: call(`GET /api/v1/admin/dead-letters?limit=10${filter}`, 'Read why they failed.'),
    },
  ];
}

function reasonText({ code, model, tenant, count }: DeadReason): string {
  return `${code} ${count} (${model === null ? '' : `model ${model}, `}tenant ${tenant})`;
}

function attemptFindings({ endpoint, attempts, failed, code }: AttemptsSignal): Finding[] {
  const share = attempts === 0 ? 0 : failed / attempts;
  if (failed < FEWEST || share < FAILED_SHARE) return [];
  const at = encodeURIComponent(endpoint);
  return [
    {
      ...{ ...IN_SUCCESS, code: 'attempts_fail', severity: 'warning', name: endpoint },
      text: `${failed} of ${counted(attempts, 'call')} to the endpoint ${endpoint} failed, of the messages that ended last.`,
      evidence: { endpoint, attempts, failed, share: rounded(share), error_code: code },
      action: call(`GET /api/v1/endpoints/${at}/stats`, 'Read how its calls go.'),
    },
  ];
}

function webhookFindings(webhooks: WebhooksSignal): Finding[] {
  const { waiting, failing, oldestFailingSeconds: oldest, overdue } = webhooks;
  const found: Finding[] = [];
  if (overdue > 0) {
    found.push({
      ...{ ...IN_SUCCESS, code: 'webhooks_overdue', severity: 'warning', name: null },
      text: `${counted(overdue, 'webhook')} should have been sent more than a minute ago, and nobody sends them.`,
      evidence: { waiting, overdue },
      action: guide('processes', 'See whether a process with the role api runs: it sends them.'),
    });
  }
  if (failing > 0) {
    found.push({
      ...{ ...IN_SUCCESS, code: 'webhooks_fail', name: null },
      severity: oldest !== null && oldest >= LONG_SECONDS ? 'warning' : 'note',
      text: `${counted(failing, 'webhook')} could not be delivered yet, and will be tried again.`,
      evidence: { waiting, failing, oldest_age_seconds: oldest === null ? null : Math.round(oldest) },
      action: call('GET /api/v1/webhooks/deliveries?status=waiting', 'Read which receivers do not answer.'),
    });
  }
  return found;
}

function rounded(share: number): number {
  return Number(share.toFixed(4));
}
