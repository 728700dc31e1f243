/**
 * What a person sees once the service is ready. The first line is a contract with scripts that wait for it.
 *
 * @param keyed whether callers need a key, so that the commands can be copied as they are
 */
export function greeting(baseUrl: string, keyed: boolean, model: string): string {
  const auth = keyed ? ` -H "Authorization: Bearer $LLMQ_KEY"` : '';
  const json = `-H 'content-type: application/json'`;
  const chat = `{"model":"${model}","stream":true,"messages":[{"role":"user","content":"Tell me a story"}]}`;
  return [
    `llm-message-queue ready at ${baseUrl}`,
    'Try:',
    `  curl -s${auth} ${json} -d '{"user_id":"user123","content":"What is a queue?","priority":"high"}' ${baseUrl}/api/v1/messages`,
    `  curl -s${auth} '${baseUrl}/api/v1/messages?user_id=user123'`,
    `  curl -sN${auth} ${json} -d '${chat}' ${baseUrl}/v1/chat/completions`,
    '',
  ].join('\n');
}
