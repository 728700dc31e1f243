const SECRETS: readonly (readonly [RegExp, string])[] = [
  // The user part of a URL: a password, or a token without one. Starts at `://`, so that a long word costs one pass.
  [/:\/\/[^\s/"'@\\]+@/g, '://***@'],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, '$1 ***'],
  // Keys as OpenAI and others who copy its shape give them out.
  [/\bsk-[A-Za-z0-9_-]{16,}/g, 'sk-***'],
  // This service's own: exactly so long, so that no name of ours with that prefix is taken for one.
  [/\bllmq_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/g, 'llmq_***'],
];

/** Takes out what looks like a credential. A last net under the rule that nobody logs one, not a licence to do so. */
export function redactSecrets(text: string): string {
  return SECRETS.reduce((redacted, [pattern, replacement]) => redacted.replace(pattern, replacement), text);
}
