import { Module } from '@nestjs/common';
import { HttpModule } from '../../interfaces/http/http.module.js';
import { HomeController } from './home.controller.js';

/** `GET /`, for every role. */
@Module({ imports: [HttpModule], controllers: [HomeController] })
export class HomeModule {}
