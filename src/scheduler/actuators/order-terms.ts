/** Its leader's time is over: another has ordered since. Nothing was done. */
export class OldTermError extends Error {
  readonly code = 'old_term';
  constructor(term: number, newest: number) {
    super(`An order of term ${term} was refused: the scheduler of term ${newest} has given orders since.`);
  }
}

/** The newest term of which an order was given, here or elsewhere. */
export class NewestTerm {
  private newest = 0;

  /** @throws {OldTermError} */
  accept(term: number): void {
    if (term < this.newest) throw new OldTermError(term, this.newest);
    this.newest = term;
  }

  /** @returns whether it is newer than all before */
  heard(term: number): boolean {
    if (term <= this.newest) return false;
    this.newest = term;
    return true;
  }
}
