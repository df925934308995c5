/** What a file says, for a terminal: control characters could rewrite what it shows. */
export const printable = (value: unknown): string =>
  (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).replaceAll(/\p{C}/gu, '\uFFFD')
