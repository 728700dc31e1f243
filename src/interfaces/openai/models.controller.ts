import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { EndpointRegistry } from '../../dispatch/endpoints/endpoint-registry.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { unknownModel } from '../../submission/refusal.js';
import { schemaRef } from './openai.schemas.js';

@ApiTags('openai')
@Controller('v1/models')
export class ModelsController {
  /** Models have no date of birth here; the protocol wants one, in seconds. */
  private readonly created: number;

  constructor(
    private readonly endpoints: EndpointRegistry,
    @Inject(SOURCES) sources: Sources,
  ) {
    this.created = Math.floor(sources.nowMs() / 1_000);
  }

  @Get()
  @ApiOperation({ operationId: 'listModels', summary: 'The models that can be asked for' })
  @ApiOkResponse({ schema: schemaRef('ModelList') })
  list(): object {
    return { object: 'list', data: this.endpoints.models().map(({ id }) => this.model(id)) };
  }

  @Get(':model')
  @ApiOperation({ operationId: 'getModel', summary: 'One model' })
  @ApiOkResponse({ schema: schemaRef('Model') })
  find(@Param('model') id: string): object {
    if (this.endpoints.serves(id)) return this.model(id);
    throw unknownModel(id);
  }

  /** Names may hold slashes (`meta-llama/Llama-3.1-8B`), escaped by some clients and not by others. */
  @Get('*')
  @ApiExcludeEndpoint()
  findBySlashes(@Param('*') id: string): object {
    return this.find(id);
  }

  private model(id: string): object {
    return { id, object: 'model', created: this.created, owned_by: 'llm-message-queue' };
  }
}
