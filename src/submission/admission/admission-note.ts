import { z } from 'zod';
import { perLaneSchema } from '../../domain/message/per-lane.js';

/** What one process has put into the lanes, and is putting there. */
export const admissionNoteSchema = z.object({
  /** One run of one process. */
  process: z.string().min(1),
  /** Ever stored, or tried to be. */
  arrived: perLaneSchema,
  on_their_way: perLaneSchema,
});
export type AdmissionNote = z.infer<typeof admissionNoteSchema>;
