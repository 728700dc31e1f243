/**
 * What somebody who only looks may ask of JetStream: how streams and consumers are, and single records. Neither to make a
 * consumer, since the same request changes one of the service's, nor to publish anything else.
 */
const QUESTIONS = [
  'INFO',
  'STREAM.NAMES',
  'STREAM.LIST',
  'STREAM.INFO.*',
  'STREAM.MSG.GET.*',
  'DIRECT.GET.*',
  'DIRECT.GET.*.>',
  'CONSUMER.NAMES.*',
  'CONSUMER.LIST.*',
  'CONSUMER.INFO.*.*',
];

/** Events as they come, and the answers to the questions above. */
const HEARD = ['llmq.>', '_INBOX.>'];

/** In the words of the server's configuration. */
export const READER_PERMISSIONS = {
  publish: { allow: QUESTIONS.map((question) => `$JS.API.${question}`) },
  subscribe: { allow: HEARD },
};
