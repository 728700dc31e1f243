import type { Api } from '../client/api.js';
import { type LiveEvent, liveEvents } from '../client/live-events.js';
import { CommandError } from '../command.error.js';
import { EXIT, exitCodeOfEnd } from '../exit-codes.policy.js';
import { StatusLine, tell, writeJson, writeJsonLine, writeWords } from '../terminal/terminal.js';
import { answerText, endText, standingText, type ToldMessage } from './message-text.policy.js';

export interface FollowOptions {
  /** Null for as long as it takes. */
  readonly timeoutMs: number | null;
  /** The answer as it comes; otherwise whole, when the message has ended. */
  readonly stream: boolean;
  readonly json: boolean;
}

/**
 * Waits for the end of a message and writes its answer to standard output; meanwhile a terminal is told how it stands.
 *
 * @returns the exit code
 * @throws {CommandError} when the time is over
 */
export async function followMessage(api: Api, id: string, options: FollowOptions): Promise<number> {
  const output = outputOf(options);
  const time = options.timeoutMs === null ? null : AbortSignal.timeout(options.timeoutMs);
  const within = time === null ? api : api.until(time);
  try {
    for await (const event of liveEvents(within, `/api/v1/messages/${encodeURIComponent(id)}/stream`)) {
      output.show(event);
      if (event.type === 'ended') return endOf(event.message, options);
    }
    // The stream had been read to its end before.
    return endOf(await api.get<ToldMessage>(`/api/v1/messages/${encodeURIComponent(id)}`), options);
  } catch (error) {
    if (time?.aborted !== true || api.signal.aborted) throw error;
    throw new CommandError(
      `The message ${id} has not ended in time. It goes on: llmq watch ${id}`,
      EXIT.timedOut,
    );
  } finally {
    output.end();
  }
}

function endOf(message: ToldMessage, { json }: FollowOptions): number {
  if (!json && message.status !== 'completed') tell(`llmq: ${endText(message)}`);
  return exitCodeOfEnd(message.status);
}

interface Output {
  show(event: LiveEvent): void;
  end(): void;
}

function outputOf({ stream, json }: FollowOptions): Output {
  if (json) return { show: stream ? writeJsonLine : writeEnd, end: () => undefined };
  return stream ? new StreamedAnswer() : new WholeAnswer();
}

function writeEnd(event: LiveEvent): void {
  if (event.type === 'ended') writeJson(event.message);
}

class WholeAnswer implements Output {
  private readonly standing = new StatusLine();

  show(event: LiveEvent): void {
    if (event.type === 'status') this.standing.show(standingText(event.message));
    if (event.type !== 'ended') return;
    this.end();
    if (event.message.result) writeWords(answerText(event.message.result));
  }

  end(): void {
    this.standing.clear();
  }
}

/** The first choice as it comes. What else an answer has is written when it is whole. */
class StreamedAnswer implements Output {
  private readonly standing = new StatusLine();
  private written = '';

  show(event: LiveEvent): void {
    switch (event.type) {
      case 'status':
        if (this.written === '') this.standing.show(standingText(event.message));
        return;
      case 'piece':
        this.write(event.delta);
        return;
      case 'restart':
        // Nobody can take back what a pipe has read; the whole answer follows.
        if (this.written !== '') this.beginAnew();
        this.written = '';
        return;
      case 'ended':
        this.complete(event.message);
        return;
    }
  }

  private write({ content, index = 0 }: { readonly content?: string | null; readonly index?: number }): void {
    if (!content || index !== 0) return;
    this.standing.clear();
    this.written += content;
    writeWords(content);
  }

  private beginAnew(): void {
    writeWords('\n');
    tell('llmq: The answer begins anew.');
  }

  private complete({ result }: ToldMessage): void {
    this.standing.clear();
    const whole = result ? answerText(result) : '';
    if (this.written === '') writeWords(whole);
    else if (whole.startsWith(this.written)) writeWords(whole.slice(this.written.length));
    else writeWords(`\n${whole}`);
    this.written = '';
  }

  end(): void {
    this.standing.clear();
    if (this.written !== '' && !this.written.endsWith('\n')) writeWords('\n');
  }
}
