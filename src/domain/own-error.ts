/**
 * An error of this service. Whoever wrote its text judged it: it holds no key material and nothing that a caller sent,
 * so it may be logged and shown. Of any other error only name, code and place are told.
 */
export abstract class OwnError extends Error {}
