/** Alterations that a lenient reader of the JSON could be made to swallow. */
export const hostileGcmEnvelopes = function* (
  envelope: string,
): Generator<readonly [what: string, text: string]> {
  const { iv, ct }: { iv: string; ct: string } = JSON.parse(envelope)
  const text = (members: object): string => JSON.stringify(members)
  yield ['another order', text({ format: 'a256gcm', ct, iv })]
  yield ['an unknown member', text({ format: 'a256gcm', iv, ct, kid: '1' })]
  yield ['a member twice', envelope.replace('"iv":', `"iv":"${iv}","iv":`)]
  yield ['another format', text({ format: 'a128gcm', iv, ct })]
  yield ['no format', text({ iv, ct })]
  yield ['white space', envelope.replaceAll(',', ', ')]
  yield ['a short nonce', text({ format: 'a256gcm', iv: iv.slice(4), ct })]
  yield ['a long nonce', text({ format: 'a256gcm', iv: `${iv}AAAA`, ct })]
  yield [
    'a cut tag',
    text({ format: 'a256gcm', iv, ct: Buffer.from(ct, 'base64').subarray(0, -1).toString('base64') }),
  ]
  yield ['nothing but half a tag', text({ format: 'a256gcm', iv, ct: Buffer.alloc(8).toString('base64') })]
  yield ['base64 for URLs', text({ format: 'a256gcm', iv, ct: Buffer.alloc(33, 0xff).toString('base64url') })]
  yield ['base64 without padding', text({ format: 'a256gcm', iv, ct: 'A'.repeat(23) })]
  yield ['an escape', envelope.replace('"iv"', '"\\u0069v"')]
  yield ['numbers', text({ format: 'a256gcm', iv: 1, ct: 2 })]
  yield ['too long', text({ format: 'a256gcm', iv, ct: 'A'.repeat(2 * 1024 * 1024) })]
}
