/**
 * The path of an address as the router compares it with its routes: without query and fragment, and decoded but for
 * what separates. What can't be decoded has no route.
 */
export function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  const path = end === -1 ? url : url.slice(0, end);
  if (!path.includes('%')) return path;
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
