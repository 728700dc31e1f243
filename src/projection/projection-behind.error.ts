/** The projection does not say in time whose messages these are. */
export class ProjectionBehindError extends Error {
  readonly code = 'projection_behind';
  constructor(sequence: number) {
    super(
      `The projection has not come to sequence ${sequence} in time, and only it knows whose messages these are. Try again later, behind the last event that you have.`,
    );
  }
}
