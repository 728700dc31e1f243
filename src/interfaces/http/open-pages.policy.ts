/** Swagger UI, what it loads, and the description itself; not as YAML, which takes long to write. */
const DOCS = /^\/api\/docs(-json|\/[^?]*)?(\?|$)/;
const HOME = /^\/(\?|$)/;

/**
 * Whether a page is for everybody: a browser sends no key with an address. What is behind the pages asks for one.
 *
 * @param docs whether the description of the API is such a page
 */
export function isOpenPage(url: string, docs: boolean): boolean {
  return HOME.test(url) || (docs && DOCS.test(url));
}
