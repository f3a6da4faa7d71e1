/**
 * One file as the tidy rules see it: its text, and the same text with comments or literals blanked.
 *
 * The rules read text and not a syntax tree: they hold for TypeScript and C++ alike, need no
 * compiler, and a reader can check each at a glance. The blanked views keep every position, so a
 * rule for code does not trip over a word in a sentence. The scanner knows what the two languages
 * as formatted here contain; it is not a parser and must not grow into one.
 */

export interface Source {
  readonly path: string
  readonly text: string
  /** The text with comments blanked. */
  readonly uncommented: string
  /** The text with comments and the contents of literals blanked. */
  readonly code: string
  readonly bytes: number
}

export interface Offence {
  readonly path: string
  readonly line: number
  /** What is wrong and what to write instead, as a sentence. */
  readonly says: string
}

/** A set of files, as path and text: what a made-up example is written in. */
export type Files = Readonly<Record<string, string>>

/** A rule, with examples that show that it can fail and that it does not fail without cause. */
export interface Rule {
  readonly name: string
  readonly refuses: readonly Files[]
  readonly accepts: readonly Files[]
  check(sources: readonly Source[]): readonly Offence[]
}

const comment = String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/`
const doubleQuoted = String.raw`"(?:\\.|[^"\\\n])*"`
const singleQuoted = String.raw`'(?:\\.|[^'\\\n])*'`
const hole = '\\$\\{(?:[^{}`]|`[^`]*`|\\{[^{}]*\\})*\\}'
const template = `\`(?:\\\\.|${hole}|[^\`\\\\])*\``
// A slash begins a pattern where a value may stand, and nowhere else.
const valuePlace = String.raw`(?<=(?:^|[(,=:[!&|?{};]|return)\s*)`
const patternPart = String.raw`\\.|\[(?:\\.|[^\]\\\n])*\]|[^\/\\\n[]`
const pattern = String.raw`${valuePlace}\/(?![*\/])(?:${patternPart})+\/[a-z]*`
const raw = String.raw`R"(?<mark>[^(\s]*)\([\s\S]*?\)\k<mark>"`

const scriptTokens = new RegExp(
  [comment, doubleQuoted, singleQuoted, template, pattern].join('|'),
  'gm',
)
// A quote after a digit separates digits in C++.
const nativeTokens = new RegExp(
  [comment, raw, doubleQuoted, `(?<![0-9a-fA-F])${singleQuoted}`].join('|'),
  'gm',
)

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

/** Blanks a literal but for its quotes and the code in the holes of a template. */
function blankLiteral(literal: string): string {
  if (!literal.startsWith('`')) return literal[0] + blank(literal.slice(1, -1)) + literal.at(-1)
  let blanked = ''
  let at = 0
  for (const found of literal.matchAll(new RegExp(hole, 'g'))) {
    blanked += blank(literal.slice(at, found.index)) + found[0]
    at = found.index + found[0].length
  }
  return blanked + blank(literal.slice(at))
}

export function sourceOf(path: string, text: string): Source {
  const tokens = isNative(path) ? nativeTokens : scriptTokens
  const isCode = isNative(path) || isScript(path)
  const isComment = (token: string) => token.startsWith('//') || token.startsWith('/*')
  const uncommented = isCode
    ? text.replace(tokens, (token) => (isComment(token) ? blank(token) : token))
    : text
  const code = isCode
    ? text.replace(tokens, (token) => (isComment(token) ? blank(token) : blankLiteral(token)))
    : text
  return { path, text, uncommented, code, bytes: Buffer.byteLength(text) }
}

export function sourcesOf(files: Files): readonly Source[] {
  return Object.entries(files).map(([path, text]) => sourceOf(path, text))
}

export function isNative(path: string): boolean {
  return /\.(hpp|cpp)$/.test(path)
}

export function isScript(path: string): boolean {
  return /\.(ts|js)$/.test(path)
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

/** An offence for each match of `wrong` in one view of the source. */
export function matches(
  source: Source,
  view: 'text' | 'uncommented' | 'code',
  wrong: RegExp,
  says: (found: string) => string,
): readonly Offence[] {
  return [...source[view].matchAll(wrong)].map((found) => ({
    path: source.path,
    line: lineAt(source.text, found.index),
    says: says(found[0].trim()),
  }))
}
