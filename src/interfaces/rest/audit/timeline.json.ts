import type { TimelinePage } from '../../../operations/timeline/timelines.js';

export function timelineJson({ entries, nextAfter }: TimelinePage): Record<string, unknown> {
  return {
    data: entries.map(({ sequence, event, text }) => ({
      sequence,
      id: event.id,
      type: event.type,
      time: event.time,
      subject: event.subject,
      text,
      data: event.data,
    })),
    next_after: nextAfter,
  };
}
