/**
 * Text lines over a TCP connection: the plain protocol between source and member, and the answers
 * of the sink. Readable with any terminal program, and bounded: a line that never ends is cut off.
 */

import type { Socket } from 'node:net'

/** A record may have 1 MiB; escapes and the number in front need a little more. */
const maxChars = 2 * 1024 * 1024

/** Calls `onLine` for each whole line, without its end. Ends the connection at a line too long. */
export function onLines(socket: Socket, onLine: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
    if (rest.length > maxChars) socket.destroy(new Error(`a line is longer than ${maxChars}`))
  })
}
