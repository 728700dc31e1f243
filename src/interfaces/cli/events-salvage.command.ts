import { lostMessages } from '../../operations/salvage/lost-messages.js';
import { salvagedBody } from '../../operations/salvage/salvage.policy.js';
import { systemSources } from '../../platform/clock.js';
import { LineOutput } from './line-output.js';
import type { Stores } from './stores.js';

export interface SalvageOptions {
  readonly output?: string;
  readonly tenant?: string;
  readonly open?: boolean;
}

/** Writes the requests of lost messages as NDJSON, each a message for the route that submits many. */
export async function salvageEvents(
  { log, projected }: Stores,
  { output: path, tenant, open = false }: SalvageOptions,
  signal: AbortSignal,
): Promise<void> {
  const output = LineOutput.to(path, false);
  const tenants = new Map<string, number>();
  let [tooLate, apart, endless] = [0, 0, 0];
  try {
    for await (const page of lostMessages(log, projected, signal)) {
      for (const message of page) {
        if ((open && message.ended) || (tenant !== undefined && message.tenant !== tenant)) continue;
        const body = salvagedBody(
          { ...message, deadlineMs: message.deadline?.getTime() ?? null },
          systemSources.nowMs(),
        );
        if (body === null) {
          tooLate += 1;
          continue;
        }
        if (message.conversationId !== null && !message.conversationKept) apart += 1;
        if (message.received) endless += 1;
        tenants.set(message.tenant, (tenants.get(message.tenant) ?? 0) + 1);
        await output.write(`${JSON.stringify(body)}\n`);
      }
    }
  } finally {
    await output.end();
  }
  process.stderr.write(summary(tenants, tooLate, apart, endless));
}

function summary(
  tenants: ReadonlyMap<string, number>,
  tooLate: number,
  apart: number,
  endless: number,
): string {
  const lines = [...tenants.values()].reduce((sum, count) => sum + count, 0);
  const parts = [`${lines} lost messages.`];
  if (tenants.size > 1) {
    const each = [...tenants].map(([name, count]) => `${name} ${count}`).join(', ');
    parts.push(`They belong to several tenants (${each}): submit each with its own key; see --tenant.`);
  }
  if (tooLate > 0) parts.push(`${tooLate} more are left out: their deadline is over.`);
  if (apart > 0) parts.push(`${apart} of them name no conversation, since the log has lost theirs, too.`);
  if (endless > 0) {
    parts.push(
      `Of ${endless} of them the log has lost the end alone: cancel these once they are submitted again.`,
    );
  }
  return `${parts.join(' ')}\n`;
}
