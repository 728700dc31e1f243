const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** As settings write it: a whole number of seconds, minutes, hours or days. */
export const SETTING_DURATION = /^[1-9]\d{0,8}[smhd]$/;

/** In milliseconds. @param text that matches `SETTING_DURATION` */
export function settingDurationMs(text: string): number {
  return Number(text.slice(0, -1)) * UNIT_MS[text.slice(-1) as keyof typeof UNIT_MS];
}
