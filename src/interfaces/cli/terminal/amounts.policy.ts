/** A span for people, in the two largest units that say something: `4 s`, `3 min 20 s`, `2 d 4 h`. */
export function spanText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return twoUnits(whole, 60, 'min', 1, 's');
  if (whole < 86_400) return twoUnits(whole, 3_600, 'h', 60, 'min');
  return twoUnits(whole, 86_400, 'd', 3_600, 'h');
}

function twoUnits(seconds: number, large: number, largeName: string, small: number, smallName: string) {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`;
}

/** Null where a number is not known. */
export function numberText(value: number | null | undefined, digits = 0): string {
  return value === null || value === undefined ? '-' : value.toFixed(digits);
}

export function shareText(share: number | null | undefined): string {
  return share === null || share === undefined ? '-' : `${Math.round(share * 100)} %`;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const at = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${at === 0 ? bytes : (bytes / 2 ** (10 * at)).toFixed(1)} ${units[at]}`;
}

/** `2030-01-31 09:00:00` of a time in ISO 8601, in UTC as all of the service's times. */
export function timeText(iso: string | null | undefined): string {
  return iso ? iso.slice(0, 19).replace('T', ' ') : '-';
}
