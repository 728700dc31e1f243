interface LogLine {
  readonly level?: string;
  readonly time?: string;
  readonly msg?: string;
  readonly err?: { readonly stack?: string; readonly message?: string };
  readonly [field: string]: unknown;
}

/** Said elsewhere in the line, or the same in each. */
const LEFT_OUT = new Set(['level', 'time', 'msg', 'pid', 'err', 'context']);

function field([name, value]: [string, unknown]): string {
  return `${name}=${typeof value === 'string' && /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value)}`;
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}\n`)
    .join('');
}

/** `12:34:56.789 INFO  what happened  key=value`, and an error's stack under it. Anything but our JSON stays as it is. */
export function readableLine(json: string): string {
  let line: LogLine;
  try {
    line = JSON.parse(json) as LogLine;
  } catch {
    return json;
  }
  const time = line.time?.slice(11, 23) ?? '';
  const level = (line.level ?? '').toUpperCase().padEnd(5);
  const context = typeof line['context'] === 'string' ? `[${line['context']}] ` : '';
  const fields = Object.entries(line).filter(([name, value]) => !LEFT_OUT.has(name) && value !== undefined);
  const tail = fields.length === 0 ? '' : `  ${fields.map(field).join(' ')}`;
  const stack = line.err?.stack ?? line.err?.message;
  return `${time} ${level} ${context}${line.msg ?? ''}${tail}\n${stack === undefined ? '' : indented(stack)}`;
}
