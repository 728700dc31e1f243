/** The parts of the API, in the order in which people need them. A part that is not named here comes last. */
export const API_TAGS = [
  { name: 'messages', description: 'Submit messages, read their answers, cancel them' },
  { name: 'batches', description: 'Many requests at once, without a hurry' },
  { name: 'conversations', description: 'Messages that belong together, and their order' },
  { name: 'streams', description: 'Follow messages, as server-sent events' },
  { name: 'openai', description: "OpenAI's API, for its SDKs" },
  { name: 'queues', description: 'The state of the lanes' },
  { name: 'usage', description: 'Tokens and cost' },
  { name: 'audit', description: 'What happened, event by event' },
  { name: 'dead letters', description: 'Messages that failed for good' },
  { name: 'webhooks', description: 'Who was told of the end of messages' },
  { name: 'preprocessor', description: 'Rules and defaults that choose the priority of a message' },
  { name: 'endpoints', description: 'The servers of models' },
  { name: 'scheduler', description: 'How many slots there shall be, and why' },
  { name: 'admin', description: 'What operators do with the service as a whole' },
  { name: 'config', description: 'The settings of a process' },
  { name: 'health', description: 'For process managers and load balancers' },
] as const;
