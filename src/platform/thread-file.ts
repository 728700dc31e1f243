/**
 * Where the code of a thread lies, beside the file that starts it. A thread has no compiler: where that file runs from
 * its source, as in tests, the thread is that of the last build.
 *
 * @param here `import.meta.url`
 * @param file of the thread, as compiled
 */
export function threadFile(here: string, file: string): URL {
  return new URL(file, here.endsWith('.ts') ? here.replace(/\/src\/(?!.*\/src\/)/, '/dist/') : here);
}
