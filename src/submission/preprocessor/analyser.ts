import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Analysis, ModelRequest } from '../../domain/message/message.events.js';
import { SingleThread } from '../../platform/single-thread.js';
import { threadFile } from '../../platform/thread-file.js';
import { type AnalysedText, analysedText } from './analysis.js';

/** The most texts that the thread takes at once, so that one text never waits for thousands that came just before. */
const MOST_AT_ONCE = 64;
const YOUNG_GENERATION_MIB = 6;

interface Asked {
  readonly text: AnalysedText;
  readonly resolve: (analysis: Analysis) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Says what requests are like, in a thread of its own: it takes 20 µs for 500 characters and up to 0.2 ms for long
 * texts, of which a batch of submissions has a thousand, and its tables take half a second to read. Meanwhile this
 * thread serves others. What is asked within one turn of the event loop, or while the thread is busy, goes over
 * together; one batch at a time, since the pool keeps no order among several.
 */
@Injectable()
export class Analyser implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly thread = new SingleThread<readonly AnalysedText[], Analysis[]>({
    file: threadFile(import.meta.url, './analysis.thread.js'),
    // Of what it makes nearly nothing outlives a text.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
  });
  private asked: Asked[] = [];
  private busy = false;

  /** Before the port is open: the first messages would wait for the tables instead, and for the core that reads them. */
  async onApplicationBootstrap(): Promise<void> {
    // A failure shows with the first message, which loads again what could not be loaded.
    await this.load().catch(() => undefined);
  }

  onModuleDestroy(): Promise<void> {
    return this.close();
  }

  /** Resolves when analyses take no longer than they must. */
  async load(): Promise<void> {
    await this.thread.run([]);
  }

  /** Analyses end in the order in which they were asked for. */
  analyse(request: ModelRequest): Promise<Analysis> {
    return new Promise((resolve, reject) => {
      this.asked.push({ text: analysedText(request), resolve, reject });
      if (this.busy) return;
      this.busy = true;
      setImmediate(() => void this.handOver());
    });
  }

  async close(): Promise<void> {
    await this.thread.close();
  }

  private async handOver(): Promise<void> {
    while (this.asked.length > 0) await this.run(this.asked.splice(0, MOST_AT_ONCE));
    this.busy = false;
  }

  private async run(batch: readonly Asked[]): Promise<void> {
    try {
      const found = await this.thread.run(batch.map(({ text }) => text));
      for (const [index, { resolve }] of batch.entries()) resolve(found[index]!);
    } catch (error) {
      for (const { reject } of batch) reject(error as Error);
    }
  }
}
