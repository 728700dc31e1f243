import { hostsOpenAi, providerAt } from './provider.policy.js';

it.each([
  ['api.openai.com', 'openai'],
  ['mine.openai.azure.com', 'azure.ai.openai'],
  ['mine.services.ai.azure.com', 'azure.ai.inference'],
  ['europe-west4-aiplatform.googleapis.com', 'gcp.vertex_ai'],
  ['bedrock-runtime.eu-west-1.amazonaws.com', 'aws.bedrock'],
  ['API.Groq.com', 'groq'],
  ['127.0.0.1', 'openai'],
  ['vllm.models.svc', 'openai'],
])('at %s the provider is %s', (host, provider) => expect(providerAt(host)).toBe(provider));

it.each([
  ['api.openai.com', true],
  ['eu.api.openai.com', true],
  ['mine.openai.azure.com', true],
  ['mine.services.ai.azure.com', true],
  ['api.groq.com', false],
  ['vllm.models.svc', false],
])('at %s are OpenAI’s own models: %s', (host, are) => expect(hostsOpenAi(host)).toBe(are));
