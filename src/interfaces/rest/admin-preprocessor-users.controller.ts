import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { Caller } from '../../domain/caller.js';
import { AdminChanges } from '../../log/admin/admin-changes.js';
import { PreprocessorSettings } from '../../submission/preprocessor/preprocessor-settings.js';
import type { UserPriority } from '../../submission/preprocessor/tenant-settings.state.js';
import { invalidFields, refused } from '../../submission/refusal.js';
import { identifier } from '../../submission/submission-rules.policy.js';
import { AdminOnly, CallerOf } from '../caller.guard.js';
import {
  SetUserPriorityDto,
  UserPriorityDto,
  UserPriorityListDto,
  userPriorityJson,
} from './admin-preprocessor.dto.js';
import { RestApi } from './rest-api.js';
import { ValidRequest } from './valid-request.pipe.js';

/** They are held in every process's memory; more users than this are better told apart by keys. */
const MAX_USERS = 10_000;

@RestApi('preprocessor')
@AdminOnly()
@Controller('api/v1/admin/preprocessor/user-priorities')
export class AdminPreprocessorUsersController {
  constructor(
    private readonly changes: AdminChanges,
    private readonly settings: PreprocessorSettings,
  ) {}

  @Get()
  @ApiOperation({ operationId: 'listUserPriorities', summary: "List users' default priorities" })
  @ApiOkResponse({ type: UserPriorityListDto })
  list(@CallerOf() caller: Caller): Record<string, unknown> {
    return { data: [...this.users(caller).values()].map(userPriorityJson) };
  }

  @Put(':user_id')
  @ApiOperation({
    operationId: 'setUserPriority',
    summary: "Set a user's default priority, for messages that ask for none",
  })
  @ApiBody({ type: SetUserPriorityDto })
  @ApiOkResponse({ type: UserPriorityDto })
  async set(
    @Param('user_id') userId: string,
    @Body(new ValidRequest(SetUserPriorityDto)) { priority }: SetUserPriorityDto,
    @CallerOf() admin: Caller,
  ): Promise<Record<string, unknown>> {
    const reason = identifier(userId);
    if (reason !== null) throw invalidFields([{ field: 'user_id', reason }]);
    const users = this.users(admin);
    if (!users.has(userId) && users.size >= MAX_USERS) {
      throw refused('limit_reached', `${MAX_USERS} users have a default, which is the limit.`);
    }
    const by = admin.name;
    const data = { user_id: userId, priority, by };
    const at = await this.changes.record(admin.tenant, userId, 'llmq.admin.user-priority-set.v1', data);
    return userPriorityJson({ userId, priority, changed: { by, at } });
  }

  @Post(':user_id')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'setUserPriorityByPost',
    summary: "Set a user's default priority",
    description: 'The same as PUT.',
  })
  @ApiBody({ type: SetUserPriorityDto })
  @ApiOkResponse({ type: UserPriorityDto })
  post(
    @Param('user_id') userId: string,
    @Body(new ValidRequest(SetUserPriorityDto)) body: SetUserPriorityDto,
    @CallerOf() admin: Caller,
  ): Promise<Record<string, unknown>> {
    return this.set(userId, body, admin);
  }

  @Delete(':user_id')
  @HttpCode(204)
  @ApiOperation({ operationId: 'removeUserPriority', summary: "Remove a user's default priority" })
  @ApiNoContentResponse()
  async remove(@Param('user_id') userId: string, @CallerOf() admin: Caller): Promise<void> {
    if (!this.users(admin).has(userId)) {
      throw refused('not_found', `The user ${userId.slice(0, 64)} has no default priority.`);
    }
    const data = { user_id: userId, by: admin.name };
    await this.changes.record(admin.tenant, userId, 'llmq.admin.user-priority-removed.v1', data);
  }

  private users({ tenant }: Caller): ReadonlyMap<string, UserPriority> {
    return this.settings.of(tenant).users;
  }
}
