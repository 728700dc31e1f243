import { Module } from '@nestjs/common';
import { LaneStateModule } from '../../dispatch/lanes/lane-state.module.js';
import { LaneAdmission } from './lane-admission.js';

/** Whether a lane has room for another message. Leaves out every other limit. */
@Module({ imports: [LaneStateModule], providers: [LaneAdmission], exports: [LaneAdmission] })
export class AdmissionModule {}
