/** The lanes from the most to the least urgent; the order of this list is the order of service. */
export const LANES = ['realtime', 'high', 'normal', 'low'] as const;
export type Lane = (typeof LANES)[number];
