/** There is nothing to send messages to. */
export class NoEndpointError extends Error {
  readonly code = 'no_endpoint';
  constructor() {
    super(
      'No model endpoint: `endpoints` is empty and `demo.enabled` is false. Add an endpoint, or enable the demo.',
    );
  }
}

export class EndpointNameTakenError extends Error {
  readonly code = 'endpoint_name_taken';
  constructor(name: string) {
    super(`There is an endpoint ${name} already, or it is still being removed.`);
  }
}

export class UnknownEndpointError extends Error {
  readonly code = 'unknown_endpoint';
  constructor(name: string) {
    super(`There is no endpoint ${name}.`);
  }
}
