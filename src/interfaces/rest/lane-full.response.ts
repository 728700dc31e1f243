import { ApiTooManyRequestsResponse } from '@nestjs/swagger';
import { ProblemDto } from './message.dto.js';

/** Documents what a submission is told whose lane has reached its limit. */
export const ApiLaneFull = () =>
  ApiTooManyRequestsResponse({
    type: ProblemDto,
    description:
      '`queue_full`: the lane has as many messages waiting as `queue.levels.<lane>.max_size` allows. Nothing was stored',
    headers: {
      'Retry-After': {
        description:
          'Seconds until there is likely to be room, by the rate at which the lane drained of late',
        schema: { type: 'integer' },
      },
    },
  });
