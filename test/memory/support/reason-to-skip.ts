import { closeSync, openSync } from 'node:fs'

/** A child's memory can be read on Linux, where the kernel lets a parent trace it. */
export const reasonToSkip = (): string | false => {
  if (process.platform !== 'linux') return 'the memory of a process can be read on Linux alone'
  try {
    closeSync(openSync('/proc/self/mem', 'r'))
    return false
  } catch {
    return 'this kernel does not let a process read memory: allow ptrace of children'
  }
}
