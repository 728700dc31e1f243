/** Words and what each of them weighs. */
export type WordWeights = ReadonlyMap<string, number>;

/** From lists of words, apart by spaces, under their weight. */
export function wordWeights(byWeight: Readonly<Record<string, string>>): WordWeights {
  return new Map(
    Object.entries(byWeight).flatMap(([weight, list]) =>
      list.split(' ').map((word): [string, number] => [word, Number(weight)]),
    ),
  );
}

/**
 * Finds the words of a script without spaces in a text, in their order: one pass, in which a longer word hides the
 * shorter ones that are in it (`不好` is not `好`).
 */
export function unspacedFinder(words: WordWeights): (text: string) => readonly string[] {
  const longestFirst = [...words.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.join('|'), 'g');
  return (text) => text.match(pattern) ?? [];
}
