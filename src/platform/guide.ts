/** Sections of the operators' guide, for messages that say what is wrong and not all that there is to do. */
const SECTIONS = {
  projectionStops: 'when-the-projection-stops',
  lostRecords: 'when-the-log-has-lost-records',
} as const;

export function guideTo(section: keyof typeof SECTIONS): string {
  return `docs/operations.md#${SECTIONS[section]}`;
}
