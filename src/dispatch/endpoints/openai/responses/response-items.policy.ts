type Fields = Record<string, unknown>;

/** An item of an answer, and what was told of it. */
export interface Item {
  readonly type: string;
  /** The parts of its text, or one for its arguments. */
  readonly told: Set<unknown>;
  /** What its beginning and its end call it. */
  readonly names: Set<string>;
  /** Its number among the calls; null for what is none, or has not begun. */
  call: number | null;
  /** Its beginning was told by an event of its own. */
  begun: boolean;
  /** What names no item is not of this one any more. */
  ended: boolean;
}

/**
 * The items of an answer, by what events say of them: their place, or only a name, or neither.
 *
 * @remarks vLLM has other ids at the end than in its stream; llama.cpp says no places; others leave items out at the end,
 * or give all items the place of the first.
 */
export class ResponseItems {
  private readonly all: Item[] = [];
  /** The last that has the place. */
  private readonly byPlace = new Map<number, Item>();
  private readonly byName = new Map<unknown, Item>();
  /** Two items were seen at one place, so that names say more from then on. */
  private placesRepeat = false;

  /** Something was told. */
  get anyTold(): boolean {
    return this.all.some(({ told, call }) => told.size > 0 || call !== null);
  }

  /** The one that an event is about. Where that says neither place nor name, the last, as long as it goes on. */
  of(event: Fields, entry: Fields): Item {
    const { output_index: place } = event;
    if (typeof place === 'number') return this.at(place, entry) ?? this.begin(entry, place);
    const item = this.named(entry) ?? goingOn(this.all.at(-1));
    return item?.type === typeOf(entry) ? item : this.begin(entry);
  }

  /** The one whose beginning an event tells. */
  begun(event: Fields, entry: Fields): Item {
    const { output_index: place } = event;
    const known = typeof place === 'number' ? this.beginningAt(place, entry) : undefined;
    const item = known ?? this.begin(entry, place);
    item.begun = true;
    return item;
  }

  /** The one whose end an event tells. */
  ended(event: Fields, entry: Fields): Item {
    const item = this.of(event, entry);
    this.name(item, entry);
    item.ended = true;
    return item;
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

  /** The place counts for more than a name, which some servers have anew in each event, until it is known to repeat. */
  private at(place: number, entry: Fields): Item | undefined {
    const last = this.byPlace.get(place);
    if (last !== undefined && (last.type !== typeOf(entry) || (last.ended && isOther(last, entry))))
      this.placesRepeat = true;
    else if (!this.placesRepeat) return last;
    return this.named(entry) ?? goingOn(last?.type === typeOf(entry) ? last : undefined);
  }

  /** Undefined for a new one. One of which only words were seen may begin late, and its beginning be told again. */
  private beginningAt(place: number, entry: Fields): Item | undefined {
    const last = this.byPlace.get(place);
    const isOver =
      last !== undefined && (last.ended ? !isNamed(last, entry) : last.begun && isOther(last, entry));
    if (!isOver) return this.at(place, entry);
    this.placesRepeat = true;
    return this.named(entry);
  }

  private named(entry: Fields): Item | undefined {
    const item = this.byName.get(entry['id']) ?? this.byName.get(entry['call_id']);
    return item?.type === typeOf(entry) ? item : undefined;
  }

  private begin(entry: Fields, place?: unknown): Item {
    const item: Item = {
      ...{ type: typeOf(entry), told: new Set(), names: new Set<string>() },
      ...{ call: null, begun: false, ended: false },
    };
    this.all.push(item);
    if (typeof place === 'number') this.byPlace.set(place, item);
    this.name(item, entry);
    return item;
  }

  private name(item: Item, entry: Fields): void {
    for (const name of namesIn(entry)) {
      item.names.add(name);
      this.byName.set(name, item);
    }
  }
}

function goingOn(item: Item | undefined): Item | undefined {
  return item?.ended === false ? item : undefined;
}

/** Both have names, and none in common. */
function isOther(item: Item, entry: Fields): boolean {
  return item.names.size > 0 && namesIn(entry).length > 0 && !isNamed(item, entry);
}

function isNamed({ names }: Item, entry: Fields): boolean {
  return namesIn(entry).some((name) => names.has(name));
}

function namesIn({ id, call_id }: Fields): string[] {
  return [id, call_id].filter((name): name is string => typeof name === 'string' && name !== '');
}

/** Some leave it out of messages. */
function typeOf({ type }: Fields): string {
  return typeof type === 'string' ? type : 'message';
}
