/** An address as it is logged: the names of its query tell what was asked for, and their values are somebody's data. */
export function loggedUrl(url: string): string {
  const at = url.indexOf('?');
  if (at === -1) return url;
  const names = url
    .slice(at + 1)
    .split('&')
    .map((part) => (part.includes('=') ? `${part.slice(0, part.indexOf('='))}=***` : '***'));
  return `${url.slice(0, at)}?${names.join('&')}`;
}
