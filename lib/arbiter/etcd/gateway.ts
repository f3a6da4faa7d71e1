/**
 * etcd's JSON gateway over HTTP: one question to one endpoint, with everything that a caller must
 * know of its end: the answer, or whether the question may have reached anybody.
 *
 * Connections are kept open between questions. There is no retry here: only the caller knows which
 * question may be asked twice.
 */

import { Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { reasonOf } from '../../errors.js'
import type { ClockPort } from '../../runtime/ports-clock.js'
import type { Millis } from '../../units.js'

/** Longest answer that is read: a record is below a kilobyte, a refusal is a sentence. */
const mostAnswerBytes = 65_536

/** What is needed to speak to an etcd. */
export interface GatewayOptions {
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer } | undefined
  /** For one question, the connection included. */
  readonly timeout: Millis
  readonly clock: ClockPort
}

/** A question that was not answered. */
export class LostQuestion extends Error {
  /** Nothing of it can have reached the endpoint. */
  readonly isUnsent: boolean

  constructor(isUnsent: boolean, cause: unknown) {
    super(reasonOf(cause), { cause })
    this.isUnsent = isUnsent
  }
}

/** An answer, whatever it says. */
export interface GatewayAnswer {
  /** Of HTTP. */
  readonly status: number
  /** Undefined: it was no JSON. */
  readonly body: unknown
}

/** One question. */
export interface GatewayQuestion {
  readonly endpoint: URL
  /** As `/v3/kv/range`. */
  readonly path: string
  readonly body: object
  /** As authentication has given it. */
  readonly token: string | undefined
  readonly signal: AbortSignal | undefined
}

export class Gateway {
  readonly #options: GatewayOptions
  readonly #plain = new PlainAgent({ keepAlive: true })
  readonly #secure: SecureAgent
  readonly #asked = new Set<(why: unknown) => void>()

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#secure = new SecureAgent({ keepAlive: true, minVersion: 'TLSv1.2', ...options.tls })
  }

  /** Rejects with a LostQuestion where there is no answer. */
  ask({ endpoint, path, body, token, signal }: GatewayQuestion): Promise<GatewayAnswer> {
    const isSecure = endpoint.protocol === 'https:'
    const text = JSON.stringify(body)
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...(token !== undefined && { authorization: token }),
    }
    const options = { method: 'POST', headers, agent: isSecure ? this.#secure : this.#plain }
    const ask = isSecure ? secureRequest : plainRequest
    const { clock, timeout } = this.#options
    return new Promise((resolve, reject) => {
      let isUnsent = true
      let isOver = false
      const request = ask(new URL(path, endpoint), options, (response) => {
        const chunks: Buffer[] = []
        let length = 0
        response.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length > mostAnswerBytes) end(new Error('its answer does not end'))
          else chunks.push(chunk)
        })
        response.on('error', (error) => end(error))
        response.on('end', () => {
          settled()
          resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks)) })
        })
      })
      const timer = clock.setTimer(timeout, () => end(new Error(`no answer in ${timeout} ms`)))
      const settled = (): void => {
        isOver = true
        timer.clear()
        signal?.removeEventListener('abort', aborted)
        this.#asked.delete(end)
      }
      const end = (why: unknown): void => {
        if (isOver) return
        settled()
        reject(new LostQuestion(isUnsent, why))
        request.destroy()
      }
      const aborted = (): void => end(signal?.reason)
      signal?.addEventListener('abort', aborted)
      this.#asked.add(end)
      request.on('error', end)
      request.on('close', () => end(new Error('the connection was closed')))
      // Nothing is written before the connection is there, secured where it is to be.
      request.on('socket', (socket) => {
        if (!socket.connecting) isUnsent = false
        else socket.once(isSecure ? 'secureConnect' : 'connect', () => (isUnsent = false))
      })
      request.end(text)
    })
  }

  /** Ends every question and every connection. */
  close(why: unknown): void {
    for (const end of [...this.#asked]) end(why)
    this.#plain.destroy()
    this.#secure.destroy()
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
