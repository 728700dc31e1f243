/** The projection does not come in time to where it could tell what was asked for. */
export class ProjectionBehindError extends Error {
  readonly code = 'projection_behind';
  constructor(sequence: number) {
    super(
      `The projection has not come to sequence ${sequence} in time, and only it knows what was asked for. Try again later; a stream of events goes on behind the last one that you have.`,
    );
  }
}
