import { InvalidArgumentError } from 'commander';
import { instantOf } from '../rest/instant.policy.js';

/** @throws {InvalidArgumentError} where the text is no point in time */
export function instant(text: string): string {
  const time = instantOf(text);
  if (time === null) throw new InvalidArgumentError('Give a time in ISO 8601, such as 2030-01-31T09:00:00Z.');
  return time;
}

/** @throws {InvalidArgumentError} where the text is no whole number */
export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number.');
}
