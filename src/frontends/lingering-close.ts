/**
 * Answers a connection on which no request can be parsed, and closes it so that the answer arrives.
 *
 * Closing a socket with unread input makes the kernel send a reset, which can overtake the reply.
 * So the sending side is closed first, and what the client still sends is thrown away until it
 * closes too, or its time is up.
 */

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { renderError, type ErrorReply } from './error-reply.ts';

/**
 * Sends the error as a whole reply of its own and closes. The parser still gets what comes; it is up
 * to the caller to take no request from it. Later calls for the socket do nothing.
 */
export function lingeringClose(socket: Socket, error: ErrorReply, lingerMs: number): void {
  if (socket.writableEnded || socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(wholeReply(error));
}

function wholeReply(error: ErrorReply): string {
  const { status, headers, body } = renderError(error, undefined);
  let reply = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n`;
  for (let index = 0; index < headers.length; index += 2) {
    reply += `${String(headers[index])}: ${String(headers[index + 1])}\r\n`;
  }
  return `${reply}Connection: close\r\n\r\n${body}`;
}
