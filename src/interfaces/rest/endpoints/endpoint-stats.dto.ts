import { ApiProperty } from '@nestjs/swagger';
import type { CallCounts } from '../../../dispatch/endpoints/stats/call-counts.state.js';
import { type Latencies, percentile } from '../../../dispatch/endpoints/stats/latencies.policy.js';
import type { EndpointStatsView, ModelStats } from '../../../operations/endpoints/endpoint-stats.js';

const STATES = ['healthy', 'degraded', 'unhealthy', 'draining'] as const;

class PercentilesDto {
  @ApiProperty({ type: Number, nullable: true }) p50!: number | null;
  @ApiProperty({ type: Number, nullable: true }) p95!: number | null;
  @ApiProperty({ type: Number, nullable: true }) p99!: number | null;
}

class CallFiguresDto {
  @ApiProperty({ description: 'Calls under way' }) taken!: number;
  @ApiProperty({ description: 'Calls that ended' }) calls!: number;
  @ApiProperty() answered!: number;
  @ApiProperty({ description: 'Taken by the endpoint, and failed' }) failed!: number;
  @ApiProperty({ description: 'Not taken: limits, overload, nobody listening' }) refused!: number;
  @ApiProperty({ description: 'Refused for what they asked' }) rejected!: number;
  @ApiProperty({ description: 'Cancelled, or handed back at a stop' }) cancelled!: number;
  @ApiProperty({ description: 'Of answered calls' }) tokens!: number;
  @ApiProperty({ type: PercentilesDto, description: 'Time to the first piece, at most a fifth too high' })
  first_piece_ms!: PercentilesDto;
  @ApiProperty({ type: PercentilesDto, description: 'Time of answered calls, at most a fifth too high' })
  total_ms!: PercentilesDto;
}

class ModelStatsDto extends CallFiguresDto {
  @ApiProperty() model!: string;
  @ApiProperty({ enum: STATES, nullable: true }) state!: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'Why it is in this state' }) reason!:
    | string
    | null;
  @ApiProperty({ description: 'Until it is called again after a refusal' }) cools_for_ms!: number;
  @ApiProperty({
    format: 'double',
    description: 'The part of its usual calls that it gets while it comes back, 0 to 1',
  })
  share!: number;
}

export class EndpointStatsDto extends CallFiguresDto {
  @ApiProperty() name!: string;
  @ApiProperty({ enum: STATES }) state!: string;
  @ApiProperty({ description: 'Calls at once, over all workers' }) places!: number;
  @ApiProperty({ type: [ModelStatsDto] }) models!: ModelStatsDto[];
}

export function statsJson({
  name,
  state,
  places,
  counts,
  models,
}: EndpointStatsView): Record<string, unknown> {
  return { name, state, places, ...figuresJson(counts), models: models.map(modelJson) };
}

function modelJson({ model, counts, status }: ModelStats): Record<string, unknown> {
  return {
    model,
    state: status?.state ?? null,
    reason: status?.reason ?? null,
    cools_for_ms: Math.ceil(status?.coolsForMs ?? 0),
    share: status?.share ?? 1,
    ...figuresJson(counts),
  };
}

function figuresJson({ running, answered, failed, refused, rejected, untold, ...counts }: CallCounts) {
  return {
    taken: running,
    calls: answered + failed + refused + rejected + untold,
    ...{ answered, failed, refused, rejected, cancelled: untold, tokens: counts.tokens },
    first_piece_ms: percentilesOf(counts.firstPiece),
    total_ms: percentilesOf(counts.total),
  };
}

function percentilesOf(latencies: Latencies): PercentilesDto {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((part) => percentile(latencies, part));
  return { p50: p50 ?? null, p95: p95 ?? null, p99: p99 ?? null };
}
