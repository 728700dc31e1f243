/**
 * What a process of the service and the one that started it tell each other, over Node's own channel between the two. The
 * system closes the channel with either of them, however it ends: so a child never outlives its supervisor for long.
 */
export type FromSupervisor = { readonly kind: 'drain' };
export type FromSupervised = { readonly kind: 'ready'; readonly baseUrl: string };

/** By it a process knows that it has a supervisor, and what it is called there. */
export const SUPERVISED_AS = 'LLMQ_SUPERVISED';

export interface SupervisorListener {
  /** Finish what runs, take no more, and end. */
  drain(): void;
  /** The supervisor is gone. */
  gone(): void;
}

/**
 * Listens to the supervisor of this process. Without one it does nothing: whoever else starts the service with a channel
 * (a process manager) decides about its end in its own way.
 *
 * @returns tells the supervisor that the service is ready
 */
export function listenToSupervisor(listener: SupervisorListener): (baseUrl: string) => void {
  if (process.env[SUPERVISED_AS] === undefined || process.send === undefined) return () => undefined;
  process.on('message', (message: FromSupervisor) => {
    if (message.kind === 'drain') listener.drain();
  });
  process.on('disconnect', () => listener.gone());
  // It may have ended while this process loaded its modules.
  if (!process.connected) listener.gone();
  return (baseUrl) => {
    const ready: FromSupervised = { kind: 'ready', baseUrl };
    process.send?.(ready, undefined, undefined, () => undefined);
  };
}
