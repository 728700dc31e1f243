/** The models of the demo endpoint; the first is the default. */
export const DEMO_MODELS = ['demo', 'demo-fast', 'demo-slow'] as const;
export type DemoModel = (typeof DEMO_MODELS)[number];

/** Tokens per second of each model, where `demo` has the rate that the server was started with. */
export function rateOf(model: DemoModel, configured: number): number {
  switch (model) {
    case 'demo':
      return configured;
    case 'demo-fast':
      return Number.POSITIVE_INFINITY;
    case 'demo-slow':
      return Math.min(configured, 5);
  }
}
