/** One prepared statement and its parameters, as `pg` takes it. `name` stands for `text` on a connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}
