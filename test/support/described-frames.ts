import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { closed } from './described-answers.js';

/** Holds frames against the JSON Schema that the service gives out. What is wrong fails the test. */
export class DescribedFrames {
  private static readonly ofServices = new Map<string, Promise<DescribedFrames>>();
  private readonly checks: Readonly<Record<'ClientFrame' | 'ServerFrame', ValidateFunction>>;

  private constructor(schema: object) {
    const ajv = new Ajv2020({ strict: false });
    formats.default(ajv);
    ajv.addSchema(closed(schema) as object, 'frames');
    const check = (name: string) => ajv.getSchema(`frames#/$defs/${name}`)!;
    this.checks = { ClientFrame: check('ClientFrame'), ServerFrame: check('ServerFrame') };
  }

  static of(baseUrl: string): Promise<DescribedFrames> {
    const known = DescribedFrames.ofServices.get(baseUrl);
    const frames = known ?? DescribedFrames.read(baseUrl);
    DescribedFrames.ofServices.set(baseUrl, frames);
    return frames;
  }

  check(kind: 'ClientFrame' | 'ServerFrame', frame: unknown): void {
    const check = this.checks[kind];
    if (check(frame)) return;
    const errors = JSON.stringify(check.errors?.slice(0, 5));
    wrong.push(`${kind} ${JSON.stringify(frame).slice(0, 500)}: ${errors}`);
  }

  private static async read(baseUrl: string): Promise<DescribedFrames> {
    const response = await fetch(`${baseUrl}/api/docs/websocket.json`);
    return new DescribedFrames((await response.json()) as object);
  }
}

const wrong: string[] = [];

globalThis.afterEach?.(() => {
  if (wrong.length > 0) throw new Error(`Not as the frames are described:\n${wrong.splice(0).join('\n')}`);
});
