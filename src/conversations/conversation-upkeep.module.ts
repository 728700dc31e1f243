import { Module } from '@nestjs/common';
import { ProjectorModule } from '../projection/projection.module.js';
import { Eraser } from './eraser.js';
import { LifeCycle } from './life-cycle.js';
import { StreamRemains } from './nats/stream-remains.js';
import { Sweeper } from './sweeper.js';

/**
 * Part of the role `projector`: idle and expired conversations, and erasures to be finished, in the one process whose
 * projector is active. Leaves out every command of clients'.
 */
@Module({ imports: [ProjectorModule], providers: [StreamRemains, Eraser, LifeCycle, Sweeper] })
export class ConversationUpkeepModule {}
