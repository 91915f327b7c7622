/**
 * CRC-32 by zlib: the function of `core/crc32.ts`, some twenty times as fast on long values. On keys and headers the
 * plain one is quicker, because the call into native code costs more than the bytes.
 */

import { crc32 as nativeCrc32 } from 'node:zlib';
import { crc32, type Checksum } from '../core/crc32.ts';

/** Measured: even at about 100 bytes. */
const plainBytesMax = 48;

export const zlibChecksum: Checksum = (bytes, seed = 0) =>
  bytes.length <= plainBytesMax ? crc32(bytes, seed) : nativeCrc32(bytes, seed);
