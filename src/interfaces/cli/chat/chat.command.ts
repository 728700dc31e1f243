import { randomUUID } from 'node:crypto';
import { createInterface, type Interface } from 'node:readline';
import type { Command } from 'commander';
import { Option } from 'commander';
import { LANES } from '../../../domain/message/lane.policy.js';
import { Api } from '../client/api.js';
import { CommandError } from '../command.error.js';
import type { ToldConversation } from '../conversations/conversations-text.policy.js';
import { EXIT } from '../exit-codes.policy.js';
import { followMessage } from '../messages/follow-message.js';
import { defaultUser } from '../messages/message-options.js';
import type { ToldMessage } from '../messages/message-text.policy.js';
import { type ServiceOptions, withServiceOptions } from '../service-url.js';
import { paintFor, tell } from '../terminal/terminal.js';
import { CHAT_HELP, type ChatLine, chatLine, joinedLines } from './chat-line.policy.js';

interface ChatOptions extends ServiceOptions {
  readonly conversation?: string;
  readonly user?: string;
  readonly model?: string;
  readonly priority?: string;
  readonly context?: string;
}

/** `llmq chat`: a conversation, a turn for each line. */
export function chatCommand(command: Command, signal: AbortSignal): void {
  command
    .option('-c, --conversation <id>', 'goes on with this one, or begins one with an id of your own')
    .option('-u, --user <id>', 'whose it is; by default the user of this machine')
    .option('-m, --model <name>', 'the model; without it the default model')
    .addOption(new Option('-p, --priority <lane>', 'without it the service chooses').choices(LANES))
    .option('-s, --context <text>', 'the system prompt of a new conversation');
  withServiceOptions(command).action(async (options: ChatOptions) => {
    process.exitCode = await new Chat(await Api.of(options, signal), options).run();
  });
}

class Chat {
  private conversation: ToldConversation | null = null;
  private model: string | undefined;
  /** Of the turn whose answer comes. */
  private cancelling: AbortController | null = null;
  private readonly isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;

  constructor(
    private readonly api: Api,
    private readonly options: ChatOptions,
  ) {
    this.model = options.model;
  }

  /** @returns the exit code: of the last turn, where lines are piped in */
  async run(): Promise<number> {
    this.conversation = await this.open(this.options.conversation);
    if (this.isTerminal) tell(`The conversation ${this.conversation.id}. /help tells what there is.`);
    const lines = createInterface({
      input: process.stdin,
      ...(this.isTerminal ? { output: process.stdout, prompt: '> ' } : {}),
    });
    lines.on('SIGINT', () => this.interrupt(lines));
    this.api.signal.addEventListener('abort', () => lines.close(), { once: true });
    let exitCode: number = EXIT.done;
    let typed: string[] = [];
    this.prompt(lines);
    for await (const line of lines) {
      typed.push(line);
      const joined = joinedLines(typed);
      if (joined === null) continue;
      typed = [];
      const meant = chatLine(joined);
      if (meant.kind === 'exit') break;
      exitCode = await this.carryOut(meant);
      this.prompt(lines);
    }
    lines.close();
    this.api.signal.throwIfAborted();
    if (this.isTerminal) tell(`To go on: llmq chat --conversation ${this.conversation.id}`);
    return this.isTerminal ? EXIT.done : exitCode;
  }

  private prompt(lines: Interface): void {
    if (this.isTerminal) lines.prompt();
  }

  /** The first one cancels what comes, one at an empty prompt ends. */
  private interrupt(lines: Interface): void {
    if (this.cancelling === null) lines.close();
    else this.cancelling.abort();
  }

  private async carryOut(line: ChatLine): Promise<number> {
    switch (line.kind) {
      case 'say':
        return await this.say(line.text);
      case 'new':
        this.conversation = await this.open(undefined);
        tell(`The conversation ${this.conversation.id}.`);
        return EXIT.done;
      case 'model':
        this.model = line.model;
        return EXIT.done;
      case 'help':
        tell(CHAT_HELP);
        return EXIT.done;
      case 'unknown':
        tell(`There is no ${line.word}. /help tells what there is.`);
        return EXIT.failed;
      default:
        return EXIT.done;
    }
  }

  /** A refused or failed turn is told, and the chat goes on. */
  private async say(content: string): Promise<number> {
    const { priority } = this.options;
    const cancelling = new AbortController();
    this.cancelling = cancelling;
    let turn: ToldMessage | null = null;
    try {
      turn = await this.api.json<ToldMessage>('POST', `${pathOf(this.conversation?.id ?? '')}/messages`, {
        json: { content, model: this.model, priority },
        headers: { 'idempotency-key': randomUUID() },
      });
      const follow = { stream: true, json: false, timeoutMs: null };
      return await followMessage(this.api.until(cancelling.signal), turn.id, follow);
    } catch (error) {
      if (this.api.signal.aborted) throw error;
      if (cancelling.signal.aborted) return await this.cancel(turn);
      if (!(error instanceof CommandError)) throw error;
      tell(paintFor(process.stderr)('red', `llmq: ${error.message}`));
      return error.exitCode;
    } finally {
      this.cancelling = null;
    }
  }

  private async cancel(turn: ToldMessage | null): Promise<number> {
    if (turn !== null)
      await this.api
        .json('DELETE', `/api/v1/messages/${turn.id}`)
        // It ended meanwhile.
        .catch(() => undefined);
    tell('Cancelled.');
    return EXIT.noAnswer;
  }

  /** One that is there keeps its user; an id that is not there yet begins one. */
  private async open(id: string | undefined): Promise<ToldConversation> {
    const found = id === undefined ? null : await this.find(id);
    if (found !== null) return found;
    const { user = defaultUser(), model, priority, context } = this.options;
    const json = { user_id: user, id, model, priority, context };
    return await this.api.json<ToldConversation>('POST', '/api/v1/conversations', { json });
  }

  private async find(id: string): Promise<ToldConversation | null> {
    try {
      return await this.api.get<ToldConversation>(pathOf(id));
    } catch (error) {
      if (error instanceof CommandError && error.exitCode === EXIT.notFound) return null;
      throw error;
    }
  }
}

function pathOf(id: string): string {
  return `/api/v1/conversations/${encodeURIComponent(id)}`;
}
