/**
 * How frames lie in the stream to a peer: `u32 length, bytes`.
 *
 * A length with `pieceFlag` announces a piece of a second stream of frames, which the pieces, one behind the other, make up: long
 * frames go there, and others between their pieces.
 */

export const lengthBytes = 4;

export const pieceFlag = 0x8000_0000;
