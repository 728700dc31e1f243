import { fastify } from 'fastify';

/** The yardstick of durable accept: Fastify that validates the same body and answers, storing nothing. Prints its URL. */
const app = fastify();
app.post(
  '/api/v1/messages',
  {
    schema: {
      body: {
        type: 'object',
        required: ['user_id', 'content'],
        additionalProperties: false,
        properties: {
          user_id: { type: 'string', minLength: 1, maxLength: 256 },
          content: { type: 'string', minLength: 1 },
          priority: { type: 'string', enum: ['realtime', 'high', 'normal', 'low'] },
        },
      },
    },
  },
  async (_request, reply) => {
    reply.code(202);
    return { id: '0190a6f0-0000-7000-8000-000000000000', status: 'pending', priority: 'normal' };
  },
);
process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1' })}\n`);
process.once('SIGTERM', () => process.exit(0));
