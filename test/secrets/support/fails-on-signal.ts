/** Preloaded into the service: at SIGUSR2 something fails that nobody foresaw, with a secret in every part of the error. */
const { COFRE_TEST_SECRET: secret = '', COFRE_TEST_FAILURE: failure } = process.env

const error = Object.assign(new Error(`failed at ${secret}`, { cause: new SyntaxError(`in ${secret}`) }), {
  input: secret,
  bytes: Buffer.from(secret),
})
error.stack = `${error.stack}\n    at ${error.message}`.replace(/at failed.*$/, 'at failing (file.js:1:1)')

process.on('SIGUSR2', () => {
  if (failure === 'exception') throw error
  void Promise.reject(error)
})
