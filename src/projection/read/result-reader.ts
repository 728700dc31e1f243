import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { joinedMessages } from './message-reader.js';
import { type MessageRow, type MessageView, messageView } from './message-view.js';

/** A message that has ended, and where that is to be told. */
export interface EndedMessage {
  readonly view: MessageView;
  readonly resultTo: string;
  readonly terminalSequence: number;
}

/** Finds the ends that somebody is to be told of. Reads a partial index that holds only messages with such a place. */
@Injectable()
export class ResultReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Up to `limit` of those that ended behind a sequence, in the order of their ends. */
  async endedAfter(sequence: number, limit: number): Promise<EndedMessage[]> {
    const rows = await joinedMessages(this.dataSource)
      .where('m.resultTo IS NOT NULL AND m.terminalSequence > :sequence', { sequence })
      .orderBy('m.terminalSequence')
      .limit(limit)
      .getMany();
    return (rows as MessageRow[]).map((row) => ({
      view: messageView(row),
      resultTo: row.resultTo!,
      terminalSequence: row.terminalSequence!,
    }));
  }
}
