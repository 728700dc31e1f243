/**
 * What somebody who only looks may do, in the words of the server's configuration: hear events as they come, and nothing
 * else below `llmq.`: calls carry keys, and whoever joined those who serve them would get some of them. No questions
 * to JetStream: the server answers to whatever subject is asked for, with rights of its own, so that an answer could be led
 * into the log.
 */
export const READER_PERMISSIONS = {
  publish: { deny: ['>'] },
  subscribe: { allow: ['llmq.events.>'] },
};
