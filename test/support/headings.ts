import { readFileSync } from 'node:fs';

/** The anchors of a Markdown file's headings, as the pages of code hosts make them. */
export function headingAnchors(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
