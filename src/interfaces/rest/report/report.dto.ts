import { ApiProperty } from '@nestjs/swagger';
import {
  type Evidence,
  type Finding,
  type NextAction,
  QUESTIONS,
  SEVERITIES,
} from '../../../operations/report/finding.policy.js';
import { type UnknownSignal, VERDICTS, type Verdict } from '../../../operations/report/report.policy.js';
import type { TimedReport } from '../../../operations/report/reports.js';
import { VERSION } from '../../../platform/version.js';

const VERDICT = {
  enum: VERDICTS,
  description:
    '`well` only where everything that the question needs is known; `unknown` where nothing was found and something is not known',
};

class QuestionDto {
  @ApiProperty({
    enum: QUESTIONS,
    description: 'Does work start? Does it end well? Is what we see current?',
  })
  question!: (typeof QUESTIONS)[number];
  @ApiProperty(VERDICT) verdict!: Verdict;
}

class NextActionDto implements NextAction {
  @ApiProperty({ enum: ['call', 'guide'], description: 'A call of this API, or a section of the documents' })
  kind!: NextAction['kind'];
  @ApiProperty({ description: 'For people' }) text!: string;
  @ApiProperty({ example: 'POST /api/v1/admin/lanes/low/resume' }) at!: string;
}

class FindingDto implements Finding {
  @ApiProperty({ description: 'Stable, for programs', example: 'lane_paused' }) code!: string;
  @ApiProperty({ enum: QUESTIONS }) question!: Finding['question'];
  @ApiProperty({ enum: SEVERITIES, description: 'A `note` makes no verdict wrong' })
  severity!: Finding['severity'];
  @ApiProperty({ type: String, nullable: true, description: 'The lane or the endpoint that it is about' })
  name!: string | null;
  @ApiProperty({ description: 'For people' }) text!: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'The figures and names that it rests on; null where one is not known',
  })
  evidence!: Evidence;
  @ApiProperty({ type: NextActionDto, description: 'The one thing to do next' }) action!: NextActionDto;
}

class UnknownSignalDto implements UnknownSignal {
  @ApiProperty({ type: String, example: 'endpoints' }) signal!: UnknownSignal['signal'];
  @ApiProperty({ enum: QUESTIONS }) question!: UnknownSignal['question'];
  @ApiProperty({ description: 'For people' }) why!: string;
}

export class ReportDto {
  @ApiProperty({ format: 'date-time' }) at!: string;
  @ApiProperty({ description: 'Of the process that answers' }) version!: string;
  @ApiProperty(VERDICT) verdict!: Verdict;
  @ApiProperty({ type: [QuestionDto], description: 'The worst first' }) questions!: QuestionDto[];
  @ApiProperty({ type: [FindingDto], description: 'The worst first' }) findings!: FindingDto[];
  @ApiProperty({
    type: [UnknownSignalDto],
    description: 'What is not known now. It counts neither as good nor as bad, and no finding rests on it',
  })
  unknown!: UnknownSignalDto[];
}

export function reportJson({ at, ...report }: TimedReport): Record<string, unknown> {
  return { at, version: VERSION, ...report };
}
