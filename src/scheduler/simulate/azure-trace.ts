import type { TracedRequest } from './trace.js';

const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';
const ROW = /^(\d{4}-\d\d-\d\d) (\d\d):(\d\d):(\d\d(?:\.\d+)?)(?:\+00:00)?,(\d+),(\d+)$/;

export class TraceFormatError extends Error {}

/**
 * The format of the Azure LLM inference traces (AzurePublicDataset; Patel et al., "Splitwise", ISCA 2024): one row for each
 * request, with its time and tokens.
 *
 * @throws {TraceFormatError} with the line that is none
 */
export function readAzureTrace(text: string): TracedRequest[] {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.replace(/^\uFEFF/, '') !== HEADER) {
    throw new TraceFormatError(`The first line of a trace is ${HEADER}.`);
  }
  const rows = lines.slice(1).flatMap((line, at) => (line === '' ? [] : [requestOf(line, at + 2)]));
  if (rows.length < 2) throw new TraceFormatError('A trace has two requests at least.');
  rows.sort((one, other) => one.atMs - other.atMs);
  const firstMs = rows[0]!.atMs;
  return rows.map((row) => ({ ...row, atMs: row.atMs - firstMs }));
}

function requestOf(line: string, lineNumber: number): TracedRequest {
  const [, day, hours, minutes, seconds, prompt, answer] = ROW.exec(line) ?? [];
  const dayMs = Date.parse(`${day}T00:00:00Z`);
  if (seconds === undefined || Number.isNaN(dayMs)) {
    throw new TraceFormatError(`Line ${lineNumber} is no row of a trace: ${line.slice(0, 80)}`);
  }
  const atMs = dayMs + (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  return { atMs, promptTokens: Number(prompt), answerTokens: Number(answer) };
}
