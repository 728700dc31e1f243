/**
 * The configuration can't be used. The message is for whoever starts the service: every problem at once, each with the
 * key, where its value came from, what is allowed and what to do. Values that can be secrets are never in it.
 */
export class ConfigError extends Error {
  readonly code = 'invalid_config';
  constructor(readonly problems: readonly string[]) {
    super(
      problems.length === 1
        ? `The configuration can't be used: ${problems[0]}`
        : `The configuration can't be used, for ${problems.length} reasons:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}
