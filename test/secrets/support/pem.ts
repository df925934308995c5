/** The end of the first line of base64: what is before it all keys of a kind share. */
export const pemBody = (pem: string): string => (pem.split('\n')[1] ?? '').slice(-40)
