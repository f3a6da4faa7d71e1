/**
 * Findings as tables for people: plain text in a terminal is Markdown in the document.
 */

import type { Findings, Row, Unit } from './findings.js'

/** A table in Markdown, its columns aligned: the first to the left, figures to the right. */
export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, 3, ...lines.map((line) => line[column]?.length ?? 0)),
  )
  const isText = (column: number) =>
    column === 0 || lines.some((line) => /^[^\d–−-]/.test(line[column] ?? ''))
  const row = (cells: readonly string[]) => {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0
      return isText(column) ? cell.padEnd(width) : cell.padStart(width)
    })
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, column) =>
    isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  )
  return [row(head), `| ${rule.join(' | ')} |`, ...lines.map(row)].join('\n')
}

/** A figure with three digits that mean something, thousands parted. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}

const headOf = (unit: Unit) => [
  'case',
  `subject (${unit})`,
  'n',
  unit === '/s' ? 'median' : 'p50',
  ...(unit === '/s' ? ['least', 'most'] : ['p99', 'max']),
]

function lineOf({ unit, ...row }: Row): string[] {
  const tail = unit === '/s' ? row.min : (row.p99 ?? Number.NaN)
  const figures = [row.p50, tail, row.max].map(figure)
  return [row.case, row.subject, figure(row.n), ...figures]
}

/** Everything that was found, a table for each unit. */
export function findingsText({ rows, aims, skipped, notes }: Findings): string {
  const units = [...new Set(rows.map(({ unit }) => unit))]
  const parts = units.map((unit) => {
    return table(headOf(unit), rows.filter((row) => row.unit === unit).map(lineOf))
  })
  if (aims.length > 0) {
    const lines = aims.map(({ what, figure: value, aim, isMet }) => {
      return [what, figure(value), aim, isMet ? 'met' : 'missed']
    })
    parts.push(table(['figure', 'value', 'aim', ''], lines))
  }
  const sentences = [
    ...skipped.map(({ subject, reason }) => `Skipped: ${subject}; ${reason}.`),
    ...notes,
  ]
  if (sentences.length > 0) parts.push(sentences.map((sentence) => `- ${sentence}`).join('\n'))
  return parts.join('\n\n')
}
