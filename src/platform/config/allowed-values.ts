import { z } from 'zod';
import { bare, fieldsOf, isSection, itemOf } from './settings.js';

interface JsonSchema {
  type?: string;
  enum?: readonly string[];
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  pattern?: string;
  format?: string;
}

function isNullable(schema: z.ZodType): boolean {
  return schema.safeParse(null).success;
}

function wholeNumber(json: JsonSchema): string {
  const least = json.exclusiveMinimum === undefined ? json.minimum : json.exclusiveMinimum + 1;
  // zod bounds every integer by what a double can hold exactly; that is no rule of ours and tells a reader nothing.
  const most = json.maximum === Number.MAX_SAFE_INTEGER ? undefined : json.maximum;
  if (least !== undefined && most !== undefined) return `a whole number from ${least} to ${most}`;
  return least === undefined ? 'a whole number' : `a whole number of at least ${least}`;
}

function text(json: JsonSchema): string {
  if (json.enum !== undefined) return `one of ${json.enum.join(', ')}`;
  if (json.format === 'uri') return 'an http or https URL';
  if (json.format === 'date-time') return 'a time as 2027-01-31T00:00:00Z';
  if (json.pattern !== undefined) return `text that matches \`${json.pattern}\``;
  if (json.maxLength !== undefined) return `text of ${json.minLength ?? 0} to ${json.maxLength} characters`;
  return json.minLength === undefined ? 'text' : 'text that is not empty';
}

function list(schema: z.ZodType, json: JsonSchema): string {
  const item = itemOf(schema)!;
  const section = sectionIn(item);
  const entries = section === null ? '' : `entries with ${Object.keys(fieldsOf(section)).join(', ')}`;
  const plain = bare(item) instanceof z.ZodNumber ? 'whole numbers' : 'texts';
  const what = section === null ? plain : section === item ? entries : `texts or ${entries}`;
  return `a list of ${what}${(json.minItems ?? 0) > 0 ? ', at least one' : ''}`;
}

/** The section that an item is, or can be; null where it is none. */
function sectionIn(item: z.ZodType): z.ZodType | null {
  if (isSection(item)) return item;
  if (!(item instanceof z.ZodUnion)) return null;
  return (item.options as readonly z.ZodType[]).find(isSection) ?? null;
}

function map(schema: z.ZodRecord): string {
  const value = bare(schema.valueType as z.ZodType);
  const section = sectionIn(value);
  if (section !== null)
    return `a map from names to entries with ${Object.keys(fieldsOf(section)).join(', ')}`;
  if (value instanceof z.ZodUnion) return 'a map from names to texts, numbers, true or false';
  return `a map from names to ${value instanceof z.ZodArray ? 'lists of texts' : 'texts'}`;
}

function allowedWithoutNull(schema: z.ZodType): string {
  const inner = bare(schema);
  if (isSection(inner)) return `a section with the keys ${Object.keys(fieldsOf(inner)).join(', ')}`;
  if (inner instanceof z.ZodRecord) return map(inner);
  const json = z.toJSONSchema(inner) as JsonSchema;
  if (json.type === 'boolean') return 'true or false';
  if (json.type === 'array') return list(inner, json);
  if (json.type === 'number') {
    const least =
      json.minimum === undefined ? `above ${json.exclusiveMinimum}, at most` : `from ${json.minimum} to`;
    return `a number ${least} ${json.maximum}`;
  }
  return json.type === 'integer' ? wholeNumber(json) : text(json);
}

/** What a key takes, in words, for errors and for the reference alike. */
export function allowedValues(schema: z.ZodType): string {
  return isNullable(schema) ? `${allowedWithoutNull(schema)}, or null` : allowedWithoutNull(schema);
}
