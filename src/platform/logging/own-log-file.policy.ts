/** Two processes can't write one file: `logs/llmq.log` of the process `api-1` is `logs/llmq-api-1.log`. */
export function ownLogFile(file: string, name: string): string {
  const [, start, ending] = /^(.*?[^/\\])(\.[^./\\]+)?$/s.exec(file) ?? [null, file, undefined];
  return `${start}-${name}${ending ?? ''}`;
}
