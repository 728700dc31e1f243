export type Delta = Readonly<Record<string, unknown>>;

/**
 * - `delta`: send it on.
 * - `nothing`: the client has it already, or it must wait for the whole answer.
 * - `diverged`: it contradicts what the client has; nothing more may be sent.
 */
export type Delivery =
  | { readonly kind: 'delta'; readonly delta: Delta }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'diverged' };

export interface Piece {
  readonly attempt: number;
  /** Which delivery of the attempt; 1 when absent. A repeated one starts the answer again. */
  readonly delivery?: number;
  readonly seq: number;
  readonly delta: Delta;
}

interface ToolCall {
  readonly index?: number;
  readonly id?: unknown;
  readonly function?: { readonly arguments?: string };
}

/** These come in pieces that are joined; all else comes whole. */
const TEXT_FIELDS: ReadonlySet<string> = new Set(['content', 'refusal', 'reasoning_content', 'reasoning']);

const NOTHING: Delivery = { kind: 'nothing' };
const DIVERGED: Delivery = { kind: 'diverged' };

interface Text {
  /** All that the client has of this field. */
  delivered: string;
  /** How much of it the attempt that speaks now has said; equal to its length but after a restart. */
  said: number;
}

/**
 * Decides what of an answer's pieces goes to a client that has some of them already, so that all it ever gets is a
 * prefix of one answer. An attempt that fails is followed by another, which begins anew: what repeats the delivered text
 * is held back, what goes on behind it is sent, and what differs ends the stream.
 */
export class DeliveredAnswer {
  private readonly texts = new Map<string, Text>();
  /** What the client has of each tool call, by its index. */
  private readonly toolCalls = new Map<number, { id: unknown; args: string }>();
  private attempt = 0;
  private delivery = 0;
  private seq = 0;
  private started = false;
  /** Counts how often the answer started again. */
  private generation = 0;
  /** Which of them gave the client parts that come whole, such as a tool call with its random id: none can repeat those. */
  private rigidGeneration: number | null = null;
  /** Pieces are missing: only the whole answer can tell what goes on. */
  private blind = false;

  take({ attempt, delivery = 1, seq, delta }: Piece): Delivery {
    const newer = attempt - this.attempt || delivery - this.delivery;
    if (newer > 0) this.restart(attempt, delivery);
    if (newer < 0 || seq <= this.seq) return NOTHING;
    this.blind ||= seq > this.seq + 1;
    this.seq = seq;
    return this.blind ? NOTHING : this.merge(delta);
  }

  /** What the client still lacks of the whole answer, which is durable. */
  rest(answer: Delta): Delivery {
    const delta: Record<string, unknown> = {};
    for (const field of TEXT_FIELDS) {
      const whole = typeof answer[field] === 'string' ? (answer[field] as string) : '';
      const delivered = this.texts.get(field)?.delivered ?? '';
      if (!whole.startsWith(delivered)) return DIVERGED;
      if (whole.length > delivered.length) delta[field] = whole.slice(delivered.length);
    }
    const calls = this.restOfToolCalls(answer['tool_calls']);
    if (calls === null) return DIVERGED;
    if (calls.length > 0) delta['tool_calls'] = calls;
    return Object.keys(delta).length === 0 ? NOTHING : this.deliver(delta);
  }

  private restart(attempt: number, delivery: number): void {
    this.attempt = attempt;
    this.delivery = delivery;
    this.seq = 0;
    this.blind = false;
    this.generation += 1;
    for (const text of this.texts.values()) text.said = 0;
  }

  private merge(delta: Delta): Delivery {
    const fresh: Record<string, unknown> = {};
    for (const [field, value] of Object.entries(delta)) {
      if (field === 'role' || value === null || value === undefined || value === '') {
        if (!this.started) fresh[field] = value;
      } else if (TEXT_FIELDS.has(field) && typeof value === 'string') {
        const unsaid = this.say(field, value);
        if (unsaid === null) return DIVERGED;
        if (unsaid !== '') fresh[field] = unsaid;
      } else {
        if (this.rigidElsewhere() || !this.caughtUp()) return DIVERGED;
        fresh[field] = value;
        this.keepRigid(field, value);
      }
    }
    return Object.keys(fresh).length === 0 ? NOTHING : this.deliver(fresh);
  }

  /** @returns what of the piece the client has not got; null where it differs from what the client has */
  private say(field: string, piece: string): string | null {
    const text = this.texts.get(field) ?? { delivered: '', said: 0 };
    this.texts.set(field, text);
    const known = Math.min(text.delivered.length - text.said, piece.length);
    if (known > 0 && text.delivered.slice(text.said, text.said + known) !== piece.slice(0, known))
      return null;
    const unsaid = known > 0 ? piece.slice(known) : piece;
    text.said += piece.length;
    text.delivered += unsaid;
    return unsaid;
  }

  /** The client is sent a role once, with the first thing that it is sent. */
  private deliver(fresh: Record<string, unknown>): Delivery {
    const delta = this.started ? fresh : { role: 'assistant', ...fresh };
    this.started = true;
    return { kind: 'delta', delta };
  }

  private rigidElsewhere(): boolean {
    return this.rigidGeneration !== null && this.rigidGeneration !== this.generation;
  }

  private caughtUp(): boolean {
    return [...this.texts.values()].every((text) => text.said === text.delivered.length);
  }

  private keepRigid(field: string, value: unknown): void {
    this.rigidGeneration = this.generation;
    if (field !== 'tool_calls' || !Array.isArray(value)) return;
    for (const call of value as ToolCall[]) {
      // Servers that leave the index out send an id with each new call.
      const index = call.index ?? (call.id === undefined ? this.toolCalls.size - 1 : this.toolCalls.size);
      const known = this.toolCalls.get(index);
      const args = (known?.args ?? '') + (call.function?.arguments ?? '');
      this.toolCalls.set(index, { id: known?.id ?? call.id, args });
    }
  }

  /** @returns the tool calls' missing ends as deltas; null where what the client has differs */
  private restOfToolCalls(calls: unknown): Record<string, unknown>[] | null {
    const whole = Array.isArray(calls) ? (calls as ToolCall[]) : [];
    if (this.toolCalls.size > whole.length) return null;
    const rest: Record<string, unknown>[] = [];
    for (const [index, call] of whole.entries()) {
      const known = this.toolCalls.get(index);
      const args = call.function?.arguments ?? '';
      if (known === undefined) rest.push({ index, ...call });
      else if (known.id !== call.id || !args.startsWith(known.args)) return null;
      else if (args.length > known.args.length) {
        rest.push({ index, function: { arguments: args.slice(known.args.length) } });
      }
    }
    return rest;
  }
}
