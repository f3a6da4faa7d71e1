/**
 * A member process that ends by itself as soon as it is opened, as one with a fault in its own
 * program would. For the test that the demo says so at once instead of waiting for it.
 */

process.on('message', () => process.exit(3))
process.send?.({ type: 'parked' })
