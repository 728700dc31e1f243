/** A webhook that is to be tried: which one, and which of its tries. */
export interface DueWebhook {
  readonly messageId: string;
  readonly id: string;
  readonly round: number;
  /** That were made in this round before. */
  readonly tries: number;
}

export function dueWebhook({ messageId, id, round, tries }: DueWebhook): DueWebhook {
  return { messageId, id, round, tries };
}
