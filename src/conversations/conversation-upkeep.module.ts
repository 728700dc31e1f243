import { Module } from '@nestjs/common';
import { ProjectorModule } from '../projection/projection.module.js';
import { Eraser } from './eraser.js';
import { LifeCycle } from './life-cycle.js';
import { StreamRemains } from './nats/stream-remains.js';
import { Retention } from './retention.js';
import { Sweeper } from './sweeper.js';

/**
 * Part of the role `projector`: idle and expired conversations, messages past their retention, and erasures to be
 * finished, in the one process whose projector is active. Leaves out every command of clients'.
 */
@Module({ imports: [ProjectorModule], providers: [StreamRemains, Eraser, Retention, LifeCycle, Sweeper] })
export class ConversationUpkeepModule {}
