/**
 * For the branch that no value reaches: the compiler refuses the call as long as one case is not handled.
 * It throws where a value comes that its type does not have, which an older or newer version may have written.
 */
export function assertNever(value: never): never {
  throw new Error(`Not handled: ${JSON.stringify(value)}`);
}
