/**
 * What the checks of all options have in common: a refusal is one sentence that names the key, the
 * bound and the value.
 */

import { ConfigError } from '../errors.js'

/** Characters of a wrong value that are shown: a name fits, a document does not. */
const mostShown = 100

export function within(
  key: string,
  value: unknown,
  least: number,
  most: number,
  isWhole: boolean,
): number {
  const isFine = typeof value === 'number' && value >= least && value <= most
  if (!isFine || (isWhole && !Number.isInteger(value))) {
    throw wrong(key, `must be a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}`, value)
  }
  return value
}

export function text(key: string, value: unknown, least: number, most: number): string {
  if (typeof value !== 'string' || value.length < least || value.length > most) {
    throw wrong(key, `must be a string of ${least} to ${most} characters`, value)
  }
  return value
}

export function oneOf<const Choice extends string>(
  key: string,
  value: unknown,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((each) => each === value)
  if (choice === undefined) {
    throw wrong(key, `must be ${choices.map((each) => `'${each}'`).join(' or ')}`, value)
  }
  return choice
}

export function refuseUnknown(value: object, keys: ReadonlySet<string>, prefix: string): void {
  for (const key of Object.keys(value)) {
    if (!keys.has(key)) {
      throw new ConfigError(
        `${prefix}${key}`,
        `${prefix}${key} is no option; there are ${[...keys].join(', ')}`,
      )
    }
  }
}

export function wrong(key: string, must: string, value: unknown): ConfigError {
  return new ConfigError(key, `${key} ${must}, not ${shown(value)}`)
}

/** As a person would write it. Whatever it is, showing it neither throws nor fills a screen. */
function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  try {
    const text = JSON.stringify(value) ?? String(value)
    return text.length > mostShown ? `${text.slice(0, mostShown)}…` : text
  } catch {
    return `a value of type ${typeof value}`
  }
}
