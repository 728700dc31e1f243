import { SCALE_STRATEGY_NAMES } from '../../../domain/admin/scale.events.js';
import { LANES } from '../../../domain/message/lane.policy.js';
import { isObject, type Rule } from '../../../submission/submission-rules.policy.js';

export const MOST_SLOTS = 100_000;
export const LONGEST_MS = 2_147_483_647;
export const LONGEST_COOL_DOWN_MS = 86_400_000;

const whole =
  (least: number, most: number, what: string): Rule =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? null
      : `must be ${what}, a whole number from ${least} to ${most}`;

const share =
  (least: number, most: number): Rule =>
  (value) =>
    typeof value === 'number' && value >= least && value <= most
      ? null
      : `must be a number from ${least} to ${most}`;

export const flag: Rule = (value) => (typeof value === 'boolean' ? null : 'must be true or false');
export const strategy: Rule = (value) =>
  (SCALE_STRATEGY_NAMES as readonly unknown[]).includes(value)
    ? null
    : `must be one of ${SCALE_STRATEGY_NAMES.join(', ')}`;
export const slots = whole(0, MOST_SLOTS, 'a count of slots');
export const someSlots = whole(1, MOST_SLOTS, 'a count of slots');
export const milliseconds = whole(1, LONGEST_MS, 'a time in milliseconds');
export const coolDown = whole(0, LONGEST_COOL_DOWN_MS, 'a time in milliseconds');
export const utilisation = share(0.05, 1);
export const hysteresis = share(0, 0.9);
export const attainment = share(0.5, 0.999);

const LANE_RULES: Readonly<Record<string, Rule>> = {
  ...{ min_slots: slots, max_slots: slots, wait_target_ms: milliseconds },
};

/** By lane, what differs from the configuration. */
export const lanes: Rule = (value) => {
  if (!isObject(value)) return 'must be an object with a key for each lane';
  for (const [lane, parts] of Object.entries(value)) {
    if (!(LANES as readonly string[]).includes(lane))
      return `has no lane ${JSON.stringify(lane)}; lanes are ${LANES.join(', ')}`;
    if (!isObject(parts)) return `must have an object at ${lane}`;
    for (const [name, part] of Object.entries(parts)) {
      const rule = Object.hasOwn(LANE_RULES, name) ? LANE_RULES[name]! : null;
      if (rule === null)
        return `has ${lane}.${name}, which is not known; known are ${Object.keys(LANE_RULES).join(', ')}`;
      const problem = rule(part);
      if (problem !== null) return `has ${lane}.${name}, which ${problem}`;
    }
  }
  return null;
};

export const modelName: Rule = (value) =>
  typeof value === 'string' && value.length >= 1 && value.length <= 256
    ? null
    : 'must be the name of a model';
