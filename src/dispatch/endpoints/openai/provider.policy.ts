/** By the well-known values of `gen_ai.provider.name`, in OpenTelemetry's GenAI conventions. */
const PROVIDERS: readonly (readonly [string, string])[] = [
  ['api.openai.com', 'openai'],
  ['.openai.azure.com', 'azure.ai.openai'],
  ['.ai.azure.com', 'azure.ai.inference'],
  ['api.anthropic.com', 'anthropic'],
  ['generativelanguage.googleapis.com', 'gcp.gemini'],
  ['aiplatform.googleapis.com', 'gcp.vertex_ai'],
  ['.amazonaws.com', 'aws.bedrock'],
  ['api.mistral.ai', 'mistral_ai'],
  ['api.groq.com', 'groq'],
  ['api.deepseek.com', 'deepseek'],
  ['api.x.ai', 'x_ai'],
  ['api.perplexity.ai', 'perplexity'],
  ['api.cohere.ai', 'cohere'],
  ['api.cohere.com', 'cohere'],
  ['.ml.cloud.ibm.com', 'ibm.watsonx.ai'],
];

/**
 * Whose models answer at this host. A server of one's own is told by the protocol that it speaks, which is OpenAI's: the
 * conventions mean the attribute to say which flavour the rest of a span has.
 */
export function providerAt(hostname: string): string {
  return knownAt(hostname) ?? 'openai';
}

/** OpenAI's own models answer there, at OpenAI or at Azure: it is more than their protocol. */
export function hostsOpenAi(hostname: string): boolean {
  return /^(openai|azure\.)/.test(knownAt(hostname) ?? '');
}

function knownAt(hostname: string): string | undefined {
  const host = hostname.toLowerCase();
  return PROVIDERS.find(([ending]) => host.endsWith(ending))?.[1];
}
