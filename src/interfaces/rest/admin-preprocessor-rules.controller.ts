import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Put } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';
import type { PriorityRule } from '../../domain/admin/admin.events.js';
import type { Caller } from '../../domain/caller.js';
import { AdminChanges } from '../../log/admin/admin-changes.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { PreprocessorSettings } from '../../submission/preprocessor/preprocessor-settings.js';
import { Prioritizer } from '../../submission/preprocessor/prioritizer.js';
import type { StoredRule } from '../../submission/preprocessor/tenant-settings.state.js';
import { invalidFields, RefusedError, refused } from '../../submission/refusal.js';
import { AdminOnly, CallerOf } from '../caller.guard.js';
import {
  ChangeRuleDto,
  NewRuleDto,
  RuleDto,
  RuleListDto,
  ruleJson,
  TrialDto,
  TryRulesDto,
  trialJson,
} from './admin-preprocessor.dto.js';
import { ruleOf } from './admin-preprocessor-rule.js';
import { RestApi } from './rest-api.js';
import { ValidRequest } from './valid-request.pipe.js';

/** Each message is held against all of them before it is accepted. */
const MAX_RULES = 100;
const MAX_PATTERNS = 20;

const validDraft = new ValidRequest(NewRuleDto);

@RestApi('preprocessor')
@AdminOnly()
@Controller('api/v1/admin/preprocessor/rules')
export class AdminPreprocessorRulesController {
  constructor(
    private readonly changes: AdminChanges,
    private readonly settings: PreprocessorSettings,
    private readonly prioritizer: Prioritizer,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  @Get()
  @ApiOperation({ operationId: 'listPriorityRules', summary: 'List the priority rules' })
  @ApiOkResponse({ type: RuleListDto })
  list(@CallerOf() caller: Caller): Record<string, unknown> {
    return { data: [...this.rules(caller).values()].map(ruleJson) };
  }

  @Post()
  @ApiOperation({
    operationId: 'addPriorityRule',
    summary: 'Add a priority rule',
    description: 'It applies to messages accepted from now on. All processes have it within a second.',
  })
  @ApiBody({ type: NewRuleDto })
  @ApiCreatedResponse({ type: RuleDto })
  async add(
    @Body(new ValidRequest(NewRuleDto)) dto: NewRuleDto,
    @CallerOf() admin: Caller,
  ): Promise<Record<string, unknown>> {
    const rule = ruleOf(dto.id ?? this.sources.newId(), dto, null);
    if (this.rules(admin).has(rule.id)) {
      throw refused('already_exists', `There is a rule ${rule.id} already; PUT or PATCH changes it.`);
    }
    return this.set(admin, rule);
  }

  @Get(':id')
  @ApiOperation({ operationId: 'getPriorityRule', summary: 'Read a priority rule' })
  @ApiOkResponse({ type: RuleDto })
  find(@Param('id') id: string, @CallerOf() caller: Caller): Record<string, unknown> {
    return ruleJson(this.known(caller, id));
  }

  @Put(':id')
  @ApiOperation({ operationId: 'replacePriorityRule', summary: 'Replace a priority rule' })
  @ApiBody({ type: ChangeRuleDto })
  @ApiOkResponse({ type: RuleDto })
  async replace(
    @Param('id') id: string,
    @Body(new ValidRequest(ChangeRuleDto)) dto: ChangeRuleDto,
    @CallerOf() admin: Caller,
  ): Promise<Record<string, unknown>> {
    this.known(admin, id);
    return this.set(admin, ruleOf(id, dto, null));
  }

  @Patch(':id')
  @ApiOperation({ operationId: 'changePriorityRule', summary: 'Change parts of a priority rule' })
  @ApiBody({ type: ChangeRuleDto })
  @ApiOkResponse({ type: RuleDto })
  async change(
    @Param('id') id: string,
    @Body(new ValidRequest(ChangeRuleDto)) dto: ChangeRuleDto,
    @CallerOf() admin: Caller,
  ): Promise<Record<string, unknown>> {
    return this.set(admin, ruleOf(id, dto, this.known(admin, id).rule));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ operationId: 'removePriorityRule', summary: 'Remove a priority rule' })
  @ApiNoContentResponse()
  async remove(@Param('id') id: string, @CallerOf() admin: Caller): Promise<void> {
    this.known(admin, id);
    await this.changes.record(admin.tenant, id, 'llmq.admin.priority-rule-removed.v1', { by: admin.name });
  }

  @Post('test')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'tryPriorityRules',
    summary: 'Try the rules on a text',
    description:
      'Shows the analysis, all rules that match, and the priority that a message would get. Stores nothing.',
  })
  @ApiBody({ type: TryRulesDto })
  @ApiOkResponse({ type: TrialDto })
  async tryOut(
    @Body(new ValidRequest(TryRulesDto)) dto: TryRulesDto,
    @CallerOf() { tenant, mostUrgent }: Caller,
  ): Promise<Record<string, unknown>> {
    const trial = await this.prioritizer.try(
      {
        ...{ tenant, mostUrgent, userId: dto.user_id ?? '' },
        request: { content: dto.content, model: null, parameters: {} },
        requestedPriority: dto.priority ?? null,
        metadata: dto.metadata ?? {},
      },
      dto.rule == null ? null : draftOf(dto.rule),
    );
    return trialJson(trial);
  }

  private rules({ tenant }: Caller): ReadonlyMap<string, StoredRule> {
    return this.settings.of(tenant).rules;
  }

  private known(admin: Caller, id: string): StoredRule {
    const stored = this.rules(admin).get(id);
    if (stored === undefined) throw refused('not_found', `There is no priority rule ${id.slice(0, 64)}.`);
    return stored;
  }

  private async set(admin: Caller, rule: PriorityRule): Promise<Record<string, unknown>> {
    this.refuseTooMany(admin, rule);
    const by = admin.name;
    const at = await this.changes.record(admin.tenant, rule.id, 'llmq.admin.priority-rule-set.v1', {
      rule,
      by,
    });
    return ruleJson({ rule, changed: { by, at } });
  }

  /** Two processes that add at the same moment can each let one in; the limit is about time, and one more costs little. */
  private refuseTooMany(admin: Caller, added: PriorityRule): void {
    const others = [...this.rules(admin).values()].filter(({ rule }) => rule.id !== added.id);
    if (others.length >= MAX_RULES) {
      throw refused('limit_reached', `There are ${MAX_RULES} rules, which is the limit.`);
    }
    const patterns = others.filter(({ rule }) => rule.kind === 'pattern').length;
    if (added.kind === 'pattern' && patterns >= MAX_PATTERNS) {
      throw refused('limit_reached', `There are ${MAX_PATTERNS} rules with patterns, which is the limit.`);
    }
  }
}

/** @throws {RefusedError} `invalid_fields`, with fields as the client wrote them: `rule.priority` */
function draftOf(value: object): PriorityRule {
  try {
    const dto = validDraft.transform(value);
    return ruleOf(dto.id ?? 'draft', dto, null);
  } catch (error) {
    if (!(error instanceof RefusedError && error.refusal.code === 'invalid_fields')) throw error;
    const { problems } = error.refusal;
    throw invalidFields(problems.map(({ field, reason }) => ({ field: `rule.${field}`, reason })));
  }
}
