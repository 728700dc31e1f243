/** The projection does not come in time to where it could tell what was asked for. */
export class ProjectionBehindError extends Error {
  readonly code = 'projection_behind';
  constructor(sequence: number) {
    super(
      `The projection has not reached sequence ${sequence} in time, and the answer depends on it. Try again later; a stream of events continues after the last one that you have.`,
    );
  }
}
