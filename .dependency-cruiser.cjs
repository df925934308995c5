// Which folder may import what. Every rule is an allowlist: whatever it does not name is a violation, so that a new
// dependency is a decision. scripts/check-imports.ts runs this; a test plants violations and sees them reported.

const CORE_OF_THE_DESIGN = '^src/(domain|ports)/'
const TYPEBOX = '^node_modules/@sinclair/typebox/'
const FASTIFY = '^node_modules/(fastify|@fastify/[^/]+)/'

const rule = (folder, from, to) => ({ name: `${folder}-imports`, severity: 'error', from, to })

/** The domain, the ports, itself, Node's modules, and what is named. */
const only = (folder, ...allowed) =>
  rule(
    folder.replaceAll('/', '-'),
    { path: `^src/${folder}/` },
    { pathNot: [CORE_OF_THE_DESIGN, `^src/${folder}/`, ...allowed], dependencyTypesNot: ['core'] },
  )

/** What only the named file or folder may import. */
const reserved = (name, path, pathNot) => ({
  name: `${name}-is-reserved`,
  severity: 'error',
  from: { path: '^src/', pathNot },
  to: { path },
})

module.exports = {
  forbidden: [
    // Pure: no I/O, no framework, no container.
    rule('domain', { path: '^src/domain/' }, { pathNot: [CORE_OF_THE_DESIGN, '^(node:)?(crypto|util)$'] }),
    rule('ports', { path: '^src/ports/' }, { pathNot: [CORE_OF_THE_DESIGN, TYPEBOX, '^(node:)?crypto$'] }),
    only('http', FASTIFY, TYPEBOX),
    only('adapters/audit', TYPEBOX),
    only('adapters/cipher', '^node_modules/sjcl/'),
    only('adapters/hsm/dinamo', '^src/adapters/hsm/sessions/', TYPEBOX, '^node_modules/@dinamonetworks/'),
    only('adapters/hsm/memory', TYPEBOX),
    only('adapters/hsm/pkcs11', '^src/adapters/hsm/sessions/', TYPEBOX, '^node_modules/pkcs11js/'),
    only('adapters/hsm/sessions', '^node_modules/@opentelemetry/api/'),
    rule(
      'provider-registry',
      { path: '^src/adapters/hsm/[^/]+$' },
      {
        pathNot: [CORE_OF_THE_DESIGN, '^src/adapters/hsm/[^/]+/provider\\.ts$'],
        dependencyTypesNot: ['core'],
      },
    ),
    only('adapters/policy', TYPEBOX),
    only('adapters/repository/memory'),
    only('adapters/repository/mongodb', '^node_modules/mongodb/'),
    only('adapters/repository/sqlite'),
    only('config', TYPEBOX),
    only('simulator', TYPEBOX, '^node_modules/(@peculiar/x509|reflect-metadata)/'),
    // These put the rest together, and know no vendor.
    only('cli', '^src/', TYPEBOX),
    // What commands share is beside them, not in one of them.
    reserved('cli/audit', '^src/cli/audit/', '^src/cli/(audit/.+|commands\\.ts)$'),
    reserved('cli/policy', '^src/cli/policy/', '^src/cli/(policy/.+|commands\\.ts)$'),
    only('service', '^src/', '^node_modules/pino/'),
    rule(
      'top',
      { path: '^src/[^/]+$' },
      { pathNot: ['^src/', '^node_modules/(tsyringe|reflect-metadata)/'], dependencyTypesNot: ['core'] },
    ),
    reserved('tsyringe', '^node_modules/tsyringe/', '^src/container\\.ts$'),
    // The X.509 package of the simulator can't be loaded without it.
    reserved(
      'reflect-metadata',
      '^node_modules/reflect-metadata/',
      '^src/(container|simulator/certificate)\\.ts$',
    ),
    reserved('sjcl', '^node_modules/sjcl/', '^src/adapters/cipher/sjcl-package/'),
    {
      name: 'no-folder-without-a-rule',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/([^/]+|(domain|ports|http|config|simulator|cli|service)/.+|adapters/(audit|cipher|policy)/.+|adapters/hsm/[^/]+|adapters/hsm/(dinamo|memory|pkcs11|sessions)/.+|adapters/repository/(memory|mongodb|sqlite)/.+)$',
      },
      to: {},
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    preserveSymlinks: true,
    // Types, too: a type of a vendor's in the domain is a dependency on the vendor.
    tsPreCompilationDeps: true,
    parser: 'swc',
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
