/**
 * The records that the source replays: a JSON array, or one JSON value a line (NDJSON).
 *
 * Each becomes one compact line of JSON text, because that is how it travels. Without a file the
 * records are the 200,000 flights of the npm package vega-datasets.
 */

import { readFileSync } from 'node:fs'

/** What `receive` takes at most by default; a larger record would be refused there. */
const maxBytes = 1024 * 1024

/** Where the default records lie. */
export function flights(): URL {
  return new URL('../data/flights-200k.json', import.meta.resolve('vega-datasets'))
}

/** Every record of `file` as one line of JSON. Throws an Error that names file and record. */
export function loadRecords(file: string | URL): string[] {
  const records = parseRecords(readFileSync(file, 'utf8'), String(file))
  if (records.length === 0) throw new Error(`${file} holds no records`)
  const tooLarge = records.findIndex((record) => Buffer.byteLength(record) > maxBytes)
  if (tooLarge >= 0) throw new Error(`record ${tooLarge + 1} of ${file} is larger than 1 MiB`)
  return records
}

/** The records in `text`; `name` is for the message when they cannot be read. */
export function parseRecords(text: string, name: string): string[] {
  if (text.trimStart().startsWith('[')) return parseArray(text, name)
  const records: string[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    records.push(JSON.stringify(parse(line, `line ${index + 1} of ${name}`)))
  }
  return records
}

function parseArray(text: string, name: string): string[] {
  const whole = parse(text, name)
  if (!Array.isArray(whole)) throw new Error(`${name} begins like an array and is none`)
  return whole.map((record) => JSON.stringify(record))
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`${name} is no JSON: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
}
