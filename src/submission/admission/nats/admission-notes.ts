import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { onNote, publishNote } from '../../../broker/note.codec.js';
import { NATS } from '../../../platform/tokens.js';
import { type AdmissionNote, admissionNoteSchema } from '../admission-note.js';

/** Core NATS, captured by no stream. */
const NOTE = 'llmq.admission.note';
const LEFT = 'llmq.admission.left';

const leftSchema = z.object({ process: z.string().min(1) });

export interface NoteListener {
  heard(note: AdmissionNote): void;
  left(process: string): void;
}

/** How processes tell each other what they put into the lanes. */
@Injectable()
export class AdmissionNotes {
  constructor(@Inject(NATS) private readonly nats: NatsConnection) {}

  announce(note: AdmissionNote): void {
    publishNote(this.nats, NOTE, note);
  }

  announceLeft(process: string): void {
    publishNote(this.nats, LEFT, { process });
  }

  /** @returns ends the listening */
  listen(listener: NoteListener): () => void {
    const endNotes = onNote(this.nats, NOTE, admissionNoteSchema, (note) => listener.heard(note));
    const endLeft = onNote(this.nats, LEFT, leftSchema, ({ process }) => listener.left(process));
    return () => {
      endNotes();
      endLeft();
    };
  }
}
