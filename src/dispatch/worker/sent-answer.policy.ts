export type Delta = Readonly<Record<string, unknown>>;

/** What of a piece goes out; null where listeners have it already, or must wait for the whole answer. */
export type Fresh = Record<string, unknown> | null;

/** These come in pieces that are joined. */
const TEXTS = ['content', 'refusal', 'reasoning_content', 'reasoning'] as const;
const TEXT_FIELDS: ReadonlySet<string> = new Set(TEXTS);

/** They belong to a piece as a whole: its choice, and the probabilities of its tokens. */
const BESIDE: ReadonlySet<string> = new Set(['index', 'logprobs']);

/** An answer that shares so much of its beginning with the one before has begun anew, though it was to go on. */
const SURELY_ANEW = 40;

interface Text {
  /** All that went out of this field. */
  sent: string;
  /** How much of it the call that speaks now has said. */
  said: number;
}

/**
 * How the call that speaks now began.
 * - `first`: listeners have nothing yet, or it is compared no more, since it has said all that they have.
 * - `anew`: it repeats the answer from its beginning, and what listeners have is held back.
 * - `behind`: it was asked to go on behind the text that listeners have; whether it does is seen by its first words.
 * - `joined`: it does go on behind it.
 * - `muted`: it says something else. Only the whole answer tells listeners, and they can compare.
 */
type Mode = 'first' | 'anew' | 'behind' | 'joined' | 'muted';

/**
 * What listeners have of one attempt's answer, over all its calls: nothing goes out twice, and nothing that contradicts
 * what they have.
 */
export class SentAnswer {
  private mode: Mode = 'first';
  private readonly texts = new Map<string, Text>();
  private isBegun = false;
  /** Parts went out that no other call can repeat or go on with, such as a tool call with its id. */
  private isRigid = false;
  /** The content that the call was to go on behind, and what the call has said so far. */
  private base = '';
  private head = '';
  /** What the other texts were when the call began. */
  private baseTexts: Readonly<Record<string, string>> = {};

  /** Something of the answer went out. */
  get begun(): boolean {
    return this.isBegun;
  }

  /** Of the content, in UTF-16 units. */
  get characters(): number {
    return this.text.length;
  }

  /** The text that another endpoint can go on behind; empty where it can't, as within tool calls. */
  get prefill(): string {
    return this.isRigid ? '' : this.text.trimEnd();
  }

  /** All that went out, as one piece; null where parts of it are not kept, such as tool calls. */
  soFar(): Delta | null {
    if (this.isRigid) return null;
    return {
      role: 'assistant',
      ...Object.fromEntries([...this.texts].map(([name, { sent }]) => [name, sent])),
    };
  }

  /** The next call begins the answer from its beginning. */
  anew(): void {
    this.mode = this.isBegun ? 'anew' : 'first';
    for (const text of this.texts.values()) text.said = 0;
  }

  /** The next call is given `prefill`. */
  behind(): void {
    this.mode = 'behind';
    this.base = this.text;
    this.head = '';
    this.baseTexts = Object.fromEntries([...this.texts].map(([name, { sent }]) => [name, sent]));
    for (const text of this.texts.values()) text.said = text.sent.length;
  }

  take(delta: Delta): Fresh {
    if (typeof delta['index'] === 'number' && delta['index'] > 0) return this.takeOther(delta);
    if (this.isMoreText(delta)) return this.sendText(delta);
    const fresh: Record<string, unknown> = {};
    let isWhole = true;
    for (const [name, value] of Object.entries(delta)) {
      if (this.mode === 'muted') break;
      if (BESIDE.has(name)) continue;
      if (name === 'role' || value === null || value === undefined || value === '') {
        if (!this.isBegun) fresh[name] = value;
      } else if (TEXT_FIELDS.has(name) && typeof value === 'string') {
        const unsent = this.say(name, value);
        if (unsent !== '') fresh[name] = unsent;
        isWhole &&= unsent === value;
      } else if (this.keepRigid()) fresh[name] = value;
    }
    if (Object.keys(fresh).length === 0) return null;
    this.isBegun = true;
    if (isWhole) for (const name of BESIDE) if (delta[name] != null) fresh[name] = delta[name];
    return fresh;
  }

  /** The way of nearly every piece: texts alone, which go on behind what went out. */
  private isMoreText(delta: Delta): delta is Record<string, string> {
    if (this.mode !== 'first' && this.mode !== 'joined') return false;
    let isText = false;
    for (const name in delta) {
      isText = TEXT_FIELDS.has(name) && typeof delta[name] === 'string' && delta[name] !== '';
      if (!isText) return false;
    }
    return isText;
  }

  private sendText(delta: Record<string, string>): Fresh {
    for (const name in delta) this.send(this.textOf(name), delta[name]!);
    this.isBegun = true;
    return delta;
  }

  /** The whole answer, of what the last call says is its own. */
  whole<A extends Delta & { readonly content: string | null }>(answer: A): A {
    const goesOn = this.mode === 'joined' || (this.mode === 'behind' && this.head.length < SURELY_ANEW);
    if (!goesOn) return answer;
    const texts = Object.entries(this.baseTexts).map(([name, sent]) => {
      const own = answer[name];
      const more = typeof own === 'string' ? own : '';
      return [name, sent + (name === 'content' ? this.behindBase(more) : more)];
    });
    return { ...answer, ...Object.fromEntries(texts) };
  }

  /** A piece of another choice than the first can't be compared. */
  private takeOther(delta: Delta): Fresh {
    if (!this.keepRigid()) return null;
    this.isBegun = true;
    return { ...delta };
  }

  private get text(): string {
    return this.texts.get('content')?.sent ?? '';
  }

  /** @returns what of the piece goes out */
  private say(name: string, piece: string): string {
    if (name === 'content' && this.mode === 'behind') return this.sayFirstWords(piece);
    const text = this.textOf(name);
    if (this.mode !== 'anew') return this.send(text, piece);
    const known = Math.min(text.sent.length - text.said, piece.length);
    if (!text.sent.startsWith(piece.slice(0, known), text.said)) {
      this.mode = 'muted';
      return '';
    }
    text.said += known;
    return known === piece.length ? '' : this.send(text, piece.slice(known));
  }

  private send(text: Text, piece: string): string {
    text.sent += piece;
    text.said = text.sent.length;
    return piece;
  }

  /** Held until it is clear whether they go on behind the text or repeat its beginning. */
  private sayFirstWords(piece: string): string {
    this.head += piece;
    const { base, head } = this;
    if (base.startsWith(head) && head.length < base.length) return '';
    if (head.startsWith(base)) {
      // The whole of it once more, so the whole answer of this call is the answer.
      this.mode = 'first';
      return this.send(this.textOf('content'), head.slice(base.length));
    }
    if (sharedLength(base, head) >= SURELY_ANEW) {
      this.mode = 'muted';
      return '';
    }
    this.mode = 'joined';
    return this.send(this.textOf('content'), this.behindBase(head));
  }

  /** The prefill ends without the text's last white space; an endpoint that says it does not say it twice. */
  private behindBase(words: string): string {
    const space = this.base.slice(this.base.trimEnd().length);
    return space !== '' && words.startsWith(space) ? words.slice(space.length) : words;
  }

  private keepRigid(): boolean {
    // A call that repeats the answer, or was to go on with prose, is compared by its text alone.
    const isCaughtUp = [...this.texts.values()].every(({ sent, said }) => said === sent.length);
    if (this.mode === 'anew' && (this.isRigid || !isCaughtUp)) this.mode = 'muted';
    if (this.mode === 'muted') return false;
    if (this.mode === 'anew') this.mode = 'first';
    this.isRigid = true;
    return true;
  }

  private textOf(name: string): Text {
    let text = this.texts.get(name);
    if (text === undefined) {
      text = { sent: '', said: 0 };
      this.texts.set(name, text);
    }
    return text;
  }
}

function sharedLength(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let shared = 0;
  while (shared < most && one[shared] === other[shared]) shared += 1;
  return shared;
}
