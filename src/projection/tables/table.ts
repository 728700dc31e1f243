import { EntitySchema } from 'typeorm';
import { storableIdentifier, storableJson, storableText } from './storable-text.js';

/** What a column of each type takes; times are ISO 8601, `json` is the text of a JSON value. */
export type ColumnValue = string | number | boolean | null;

export type ColumnType =
  | 'boolean'
  | 'bigint'
  | 'integer'
  | 'numeric'
  | 'text'
  | 'json'
  | 'double precision'
  | 'timestamptz'
  | 'uuid';

/** A column's type, and what becomes of a value on its way in and out. Without a way it is the value itself. */
interface Kind<V> {
  readonly type: ColumnType;
  readonly write?: (value: V) => ColumnValue;
  /** From what `pg` makes of the stored value. */
  readonly read?: (stored: never) => V;
}

export const uuid: Kind<string> = { type: 'uuid' };
/** Text that the service itself chose, from a fixed set. */
export const word: Kind<string> = { type: 'text' };
export const text: Kind<string> = { type: 'text', write: storableText };
/** Text that is part of an index. */
export const identifier: Kind<string> = { type: 'text', write: storableIdentifier };
/** `json`, not `jsonb` or `text`: it keeps NUL and lone surrogates in their escapes, which the others refuse. */
export const json: Kind<unknown> = { type: 'json', write: storableJson };
export const flag: Kind<boolean> = { type: 'boolean' };
export const count: Kind<number> = { type: 'integer' };
export const milliseconds: Kind<number> = { type: 'double precision' };
/** Also counts that may pass 2^31. Up to 2^53 they are exact. */
export const sequence: Kind<number> = { type: 'bigint', read: (stored: string | number) => Number(stored) };
/** Sums of numbers that others told: no value of theirs may be one that can't be added. Up to 2^53 they are exact. */
export const sum: Kind<number> = { type: 'numeric', read: (stored: string | number) => Number(stored) };
/** ISO 8601 in UTC, kept to the millisecond. */
export const time: Kind<string> = { type: 'timestamptz', read: (stored: Date) => stored.toISOString() };

/** A column of rows that are folded as `R`; a reader finds a `V` in it. Its name in SQL is its property's in snake case. */
export interface Column<R, V> {
  readonly kind: Kind<never>;
  readonly nullable: boolean;
  readonly of: (row: R) => V;
}
export type Columns<R> = Readonly<Record<string, Column<R, unknown>>>;

/** A row as readers get it, by the names of the properties. */
export type RowOf<C> = { -readonly [P in keyof C]: C[P] extends Column<never, infer V> ? V : never };

export function column<R, K, V extends K>(kind: Kind<K>, of: (row: R) => V): Column<R, V> {
  return { kind: kind as unknown as Kind<never>, nullable: false, of };
}

export function nullable<R, K, V extends K>(
  kind: Kind<K>,
  of: (row: R) => V | null | undefined,
): Column<R, V | null> {
  return { kind: kind as unknown as Kind<never>, nullable: true, of: of as (row: R) => V | null };
}

/** A column as the statements that write it see it. */
export interface WrittenColumn<R> {
  readonly name: string;
  readonly type: ColumnType;
  readonly value: (row: R) => ColumnValue;
}

interface TableOptions<C> {
  /** Columns of the primary key. */
  readonly key: readonly (keyof C & string)[];
  /**
   * How a row that is there changes: all other columns are replaced where this one is higher than what is stored.
   * Rows that are only ever added have none: the checkpoint says that they are new, and if one is not, the tables are
   * broken and the projector has to stop.
   */
  readonly newerBy?: keyof C & string;
  /** Columns whose new values are added to what is stored; a row that is there keeps all else. In place of `newerBy`. */
  readonly sums?: readonly (keyof C & string)[];
  /** Columns that no change touches, beside the key. */
  readonly fixed?: readonly (keyof C & string)[];
  /** What some columns are set to, in place of the new value. */
  readonly setTo?: (name: string, property: keyof C & string) => string | null;
  /** Beside the primary key's. `where` is written as PostgreSQL repeats it. */
  readonly indexes?: Readonly<
    Record<string, { readonly on: readonly (keyof C & string)[]; readonly where?: string }>
  >;
}

/**
 * A table, described once: the statements that write its rows, what reads them back, and what TypeORM knows of it are
 * all made from its columns. The tables themselves are made by the migrations; a test holds the two together.
 */
export class Table<R, C extends Columns<R>> {
  readonly columns: readonly WrittenColumn<R>[];
  /** `ON CONFLICT ...`; empty where rows are only added. */
  readonly onConflict: string;
  /** For TypeORM's queries. Its rows are `RowOf<C>`. */
  readonly entity: EntitySchema<RowOf<C>>;
  /** The column that names what a row belongs to. */
  readonly subject: string;
  private readonly readers: readonly (readonly [property: string, name: string, read: Read])[];

  constructor(
    readonly name: string,
    columns: C,
    options: TableOptions<C>,
  ) {
    const all = Object.entries<Column<R, unknown>>(columns);
    this.columns = all.map(([property, column]) => written(property, column));
    this.readers = all.map(([property, { kind }]) => [property, columnName(property), readOf(kind)]);
    this.subject = columnName(options.key[0]!);
    this.onConflict = onConflict(name, Object.keys(columns), options);
    this.entity = entityOf<R, C>(name, columns, options);
  }

  /** A row of `SELECT *`, as a query without TypeORM's builder answers it. */
  read(stored: Readonly<Record<string, unknown>>): RowOf<C> {
    const row: Record<string, unknown> = {};
    for (const [property, name, read] of this.readers) row[property] = read(stored[name]);
    return row as RowOf<C>;
  }

  /** The texts of a row as readers get them: what PostgreSQL refuses has changed on its way. */
  texts(row: R): Partial<RowOf<C>> {
    const texts = this.columns.flatMap(({ type, value }, at) =>
      type === 'text' ? [[this.readers[at]![0], value(row)]] : [],
    );
    return Object.fromEntries(texts) as Partial<RowOf<C>>;
  }
}

/** What the statements that write rows need. */
export type WrittenTable<R> = Pick<Table<R, never>, 'name' | 'columns' | 'onConflict'>;

type Read = (stored: unknown) => unknown;

function columnName(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function readOf({ read }: Kind<never>): Read {
  return read === undefined
    ? (stored) => stored
    : (stored) => (stored === null ? null : read(stored as never));
}

function written<R>(property: string, { kind, nullable, of }: Column<R, unknown>): WrittenColumn<R> {
  const write = kind.write as ((value: unknown) => ColumnValue) | undefined;
  const name = columnName(property);
  if (write === undefined && !nullable)
    return { name, type: kind.type, value: of as WrittenColumn<R>['value'] };
  const value = (row: R) => {
    const given = of(row);
    if (given === null || given === undefined) return null;
    return write === undefined ? (given as ColumnValue) : write(given);
  };
  return { name, type: kind.type, value };
}

function onConflict<C>(table: string, properties: readonly string[], options: TableOptions<C>): string {
  const { key, newerBy, fixed = [], setTo, sums } = options;
  if (sums !== undefined) {
    const added = sums.map(columnName).map((name) => `${name} = ${table}.${name} + excluded.${name}`);
    return `ON CONFLICT (${key.map(columnName).join(', ')}) DO UPDATE SET ${added.join(', ')}`;
  }
  if (newerBy === undefined) return '';
  const kept: readonly string[] = [...key, ...fixed];
  const changes = properties
    .filter((property) => !kept.includes(property))
    .map((property) => {
      const name = columnName(property);
      return `${name} = ${setTo?.(name, property as keyof C & string) ?? `excluded.${name}`}`;
    });
  const newer = columnName(newerBy);
  return `ON CONFLICT (${key.map(columnName).join(', ')}) DO UPDATE SET ${changes.join(', ')}
    WHERE ${table}.${newer} < excluded.${newer}`;
}

function entityOf<R, C extends Columns<R>>(
  name: string,
  columns: C,
  options: TableOptions<C>,
): EntitySchema<RowOf<C>> {
  const key: readonly string[] = options.key;
  const described = Object.entries<Column<R, unknown>>(columns).map(([property, { kind, nullable }]) => {
    const primary = key.includes(property);
    return [
      property,
      {
        ...{ name: columnName(property), type: kind.type, nullable, primary },
        ...(primary && { primaryKeyConstraintName: `${name}_pkey` }),
        ...(kind.type === 'timestamptz' && { precision: 3 }),
        ...(kind.read && { transformer: { from: readOf(kind), to: (value: unknown) => value } }),
      },
    ];
  });
  const indices = Object.entries(options.indexes ?? {}).map(([index, { on, where }]) => ({
    ...{ name: index, columns: [...on] },
    ...(where !== undefined && { where }),
  }));
  return new EntitySchema({ name, columns: Object.fromEntries(described), indices });
}
