import { Module } from '@nestjs/common';
import { AnswersModule } from '../../dispatch/answers/answers.module.js';
import { EndpointsModule } from '../../dispatch/endpoints/endpoints.module.js';
import { SubmissionModule } from '../../submission/submission.module.js';
import { HttpModule } from '../http/http.module.js';
import { IdempotentRequestsModule } from '../http/idempotent-requests.module.js';
import { OpenAiBatchesModule } from './batches/openai-batches.module.js';
import { ChatCompletionsController } from './chat-completions.controller.js';
import { CompletionsController } from './completions.controller.js';
import { EmbeddingsController } from './embeddings.controller.js';
import { ModelsController } from './models.controller.js';
import { OpenAiCalls } from './openai-calls.js';

/** OpenAI's protocol under `/v1`, for its SDKs. */
@Module({
  imports: [
    ...[HttpModule, IdempotentRequestsModule, SubmissionModule, AnswersModule, EndpointsModule],
    OpenAiBatchesModule,
  ],
  controllers: [ChatCompletionsController, CompletionsController, EmbeddingsController, ModelsController],
  providers: [OpenAiCalls],
  exports: [OpenAiCalls],
})
export class OpenAiModule {}
