/** Something that a person should hear of. What else it has, its kind says. */
export interface Alert {
  readonly type: 'dead_letter' | 'projection_stopped';
  /** The same for every delivery of this alert. */
  readonly id: string;
}
