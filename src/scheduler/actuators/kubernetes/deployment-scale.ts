import type { AppsV1Api, createConfiguration, V1Scale } from '@kubernetes/client-node';

const ANSWERS_WITHIN_MS = 10_000;
const CONFLICT = 409;
/** Whoever else writes the scale is another scheduler, or a person: both are done soon. */
const TRIES = 5;

export interface DeploymentPlace {
  readonly deployment: string;
  /** Empty: that of the pod, or of the kubeconfig's context. */
  readonly namespace: string;
  /** Path of a kubeconfig file; empty: the service account of the pod. */
  readonly kubeconfig: string;
  /** What stands before the paths of the service account; empty but in tests. */
  readonly root?: string;
}

/** The scale of the Deployment can't be read or written; the message says what to do. */
export class KubernetesError extends Error {
  readonly code = 'kubernetes_failed';
}

/** The scale subresource of one Deployment, which is all that a scheduler needs of Kubernetes. */
export class DeploymentScale {
  private constructor(
    private readonly api: AppsV1Api,
    private readonly place: { readonly name: string; readonly namespace: string },
  ) {}

  /**
   * The client is loaded here, and by nobody who scales in another way: it has the types of all that Kubernetes knows.
   *
   * @throws {KubernetesError} where there is neither a service account nor a kubeconfig
   */
  static async connect({
    deployment,
    namespace,
    kubeconfig,
    root = '',
  }: DeploymentPlace): Promise<DeploymentScale> {
    const client = await import('@kubernetes/client-node');
    const config = new client.KubeConfig();
    try {
      if (kubeconfig !== '') config.loadFromFile(kubeconfig);
      else config.loadFromCluster(root);
    } catch (error) {
      throw new KubernetesError(`The kubeconfig ${kubeconfig} can't be used: ${(error as Error).message}.`);
    }
    const own = config.getContextObject(config.getCurrentContext())?.namespace;
    if (kubeconfig === '' && (process.env['KUBERNETES_SERVICE_HOST'] === undefined || own === undefined)) {
      throw new KubernetesError(
        'The scheduler is told to scale a Deployment, and this process is in no pod with a service account. Set scheduler.kubernetes.kubeconfig to the path of a kubeconfig, or scheduler.actuator to another one.',
      );
    }
    const place = { name: deployment, namespace: namespace || own?.trim() || 'default' };
    // As the client's own `makeApiClient`, with a limit.
    const configuration = client.createConfiguration({
      baseServer: new client.ServerConfiguration(config.getCurrentCluster()?.server ?? '', {}),
      authMethods: { default: config },
      promiseMiddleware: [limited],
    });
    return new DeploymentScale(new client.AppsV1Api(configuration), place);
  }

  /** The replicas that are ordered. @throws {KubernetesError} */
  async replicas(): Promise<number> {
    return replicasOf(await this.read());
  }

  /** @returns the replicas that were ordered before. @throws {KubernetesError} */
  async order(replicas: number): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      const scale = await this.read();
      const before = replicasOf(scale);
      if (before === replicas) return before;
      try {
        // With the version that was read: who changed it meanwhile is not overwritten.
        const body = { ...scale, spec: { ...scale.spec, replicas } };
        await this.api.replaceNamespacedDeploymentScale({ ...this.place, body });
        return before;
      } catch (error) {
        if (codeOf(error) !== CONFLICT || attempt === TRIES) throw this.told(error);
      }
    }
  }

  private async read(): Promise<V1Scale> {
    try {
      return await this.api.readNamespacedDeploymentScale(this.place);
    } catch (error) {
      throw this.told(error);
    }
  }

  private told(error: unknown): KubernetesError {
    const { name, namespace } = this.place;
    const what = `The scale of the Deployment ${name} in the namespace ${namespace}`;
    const options = { cause: error };
    switch (codeOf(error)) {
      case 401:
      case 403:
        return new KubernetesError(
          `${what} may not be read or written by this service account. It needs get and update on deployments/scale: see deploy/kubernetes/scheduler-rbac.yaml.`,
          options,
        );
      case 404:
        return new KubernetesError(
          `${what} is not there. Check scheduler.kubernetes.deployment and scheduler.kubernetes.namespace.`,
          options,
        );
      default:
        return new KubernetesError(`${what} can't be read or written: ${(error as Error).message}`, options);
    }
  }
}

/** An absent number is one replica elsewhere; in a scale it is zero, which is left out where it is sent. */
const replicasOf = ({ spec }: V1Scale): number => spec?.replicas ?? 0;

const codeOf = (error: unknown): number | null => {
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? code : null;
};

type ClientOptions = NonNullable<Parameters<typeof createConfiguration>[0]>;

/** Without a limit of its own a request to a server that is gone waits as long as TCP does. */
const limited: NonNullable<ClientOptions['promiseMiddleware']>[number] = {
  pre: async (request) => {
    request.setSignal(AbortSignal.timeout(ANSWERS_WITHIN_MS));
    return request;
  },
  post: async (response) => response,
};
