import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty } from '@nestjs/swagger';
import { EndpointStats } from '../../../operations/endpoints/endpoint-stats.js';
import { RestApi } from '../rest-api.js';

class RoomDto {
  @ApiProperty({ description: 'Calls at once at the endpoints that serve now' }) capacity!: number;
  @ApiProperty({ description: 'Calls under way' }) in_use!: number;
  @ApiProperty({ description: 'Calls that may begin now' }) free!: number;
}

class ModelRoomDto extends RoomDto {
  @ApiProperty() model!: string;
  @ApiProperty({ description: 'How many endpoints have it' }) endpoints!: number;
}

class CapabilityRoomDto extends RoomDto {
  @ApiProperty({ example: 'vision' }) capability!: string;
  @ApiProperty({ type: [String] }) models!: string[];
}

class ResourcesDto {
  @ApiProperty({ type: RoomDto }) total!: RoomDto;
  @ApiProperty({ type: [ModelRoomDto] }) models!: ModelRoomDto[];
  @ApiProperty({ type: [CapabilityRoomDto] }) capabilities!: CapabilityRoomDto[];
}

/** For every caller: it names models, and neither endpoints nor who uses them. */
@RestApi('endpoints')
@Controller('api/v1/resources')
export class ResourcesController {
  constructor(private readonly stats: EndpointStats) {}

  @Get()
  @ApiOperation({
    operationId: 'getResources',
    summary: 'Capacity, use and free places by model and by capability, over all workers',
    description:
      'At most some seconds old. Models share the places of their endpoints, so what several models have is not to be added up; `total` counts each endpoint once.',
  })
  @ApiOkResponse({ type: ResourcesDto })
  resources(): ResourcesDto {
    return this.stats.resources() as ResourcesDto;
  }
}
