type Fields = Record<string, unknown>;

/** An item of an answer, and what was told of it. */
export interface Item {
  readonly type: string;
  /** The parts of its text, or one for its arguments. */
  readonly told: Set<unknown>;
  /** Its number among the calls; null for what is none, or has not begun. */
  call: number | null;
  /** What names no item is not of this one any more. */
  ended: boolean;
}

/**
 * The items of an answer, by what events say of them: their place, or only a name, or neither.
 *
 * @remarks vLLM has other ids at the end than in its stream; llama.cpp says no places; others leave items out at the end.
 */
export class ResponseItems {
  private readonly all: Item[] = [];
  private readonly byPlace = new Map<number, Item>();
  private readonly byName = new Map<unknown, Item>();

  /** Something was told. */
  get anyTold(): boolean {
    return this.all.some(({ told, call }) => told.size > 0 || call !== null);
  }

  /** The one that an event is about. Where that says neither place nor name, the last, as long as it goes on. */
  of(event: Fields, entry: Fields): Item {
    const { output_index: place } = event;
    const type = typeOf(entry);
    const item =
      typeof place === 'number' ? this.byPlace.get(place) : (this.named(entry) ?? goingOn(this.all.at(-1)));
    return item?.type === type ? item : this.begin(entry, place);
  }

  /** The one whose beginning an event tells. */
  begun(event: Fields, entry: Fields): Item {
    return typeof event['output_index'] === 'number' ? this.of(event, entry) : this.begin(entry);
  }

  /** Those of a list of all: by name, else the next of the same type that the list does not name. */
  inTurn(entries: readonly Fields[]): Item[] {
    const named = entries.map((entry) => this.named(entry));
    const taken = new Set(named);
    const left = new Map<string, Item[]>();
    for (const item of this.all.toReversed()) {
      if (taken.has(item)) continue;
      const others = left.get(item.type);
      if (others === undefined) left.set(item.type, [item]);
      else others.push(item);
    }
    return entries.map((entry, at) => named[at] ?? left.get(typeOf(entry))?.pop() ?? this.begin(entry));
  }

  private named(entry: Fields): Item | undefined {
    const item = this.byName.get(entry['id']) ?? this.byName.get(entry['call_id']);
    return item?.type === typeOf(entry) ? item : undefined;
  }

  private begin(entry: Fields, place?: unknown): Item {
    const item: Item = { type: typeOf(entry), told: new Set(), call: null, ended: false };
    this.all.push(item);
    if (typeof place === 'number') this.byPlace.set(place, item);
    for (const name of [entry['id'], entry['call_id']])
      if (typeof name === 'string' && name !== '') this.byName.set(name, item);
    return item;
  }
}

function goingOn(item: Item | undefined): Item | undefined {
  return item?.ended === false ? item : undefined;
}

/** Some leave it out of messages. */
function typeOf({ type }: Fields): string {
  return typeof type === 'string' ? type : 'message';
}
