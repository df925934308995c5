/** From the first process to a worker. */
export type ToWorker =
  | { readonly kind: 'stop' }
  | { readonly kind: 'reload' }
  | { readonly kind: 'ask'; readonly id: number }
  | { readonly kind: 'ping' }

/** From a worker to the first process. */
export type FromWorker =
  | { readonly kind: 'serving'; readonly url: string }
  | { readonly kind: 'answer'; readonly id: number; readonly ready: boolean }
  | { readonly kind: 'pong' }

/** The variable that a worker finds its number in. */
export const WORKER_NUMBER = 'COFRE_WORKER'
