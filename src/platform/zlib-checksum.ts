/** CRC-32 by zlib: the function of `core/crc32.ts`, some twenty times as fast on long values. */

import { crc32 } from 'node:zlib';
import type { Checksum } from '../core/crc32.ts';

export const zlibChecksum: Checksum = (bytes, seed = 0) => crc32(bytes, seed);
