/** What went wrong with a TLS connection, as a sentence with what to do; OpenSSL's own words for what is not expected. */

import { errnoOf } from './disk-error.ts';

const certificateErrors: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired; make a new one',
  CERT_NOT_YET_VALID: 'it is not valid yet; look at the clocks of both machines',
  SELF_SIGNED_CERT_IN_CHAIN: 'it was signed by an authority that is not in the ca file',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed, and not in the ca file',
  UNABLE_TO_GET_ISSUER_CERT: 'it was signed by an authority that is not in the ca file',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'it was signed by an authority that is not in the ca file',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'it was signed by an authority that is not in the ca file',
  CERT_SIGNATURE_FAILURE: 'it was signed by another authority of the same name as the one in the ca file',
  INVALID_PURPOSE:
    'it is not for this end of a connection: its extendedKeyUsage must be serverAuth and clientAuth',
};

/** Codes with which OpenSSL says that what came was no TLS. */
const notTls =
  /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|HTTPS_PROXY_REQUEST|RECORD_LAYER_FAILURE)$/;
/** What OpenSSL puts before its words: a number, and the function, file and line at which it noticed. */
const openSslDetail = /^[0-9A-F]+:error:[0-9A-F]+:SSL routines:[^:]*:([^:]*):.*$/s;

/** Whether whoever was dialled has answered, and not in TLS. */
export function isNoTls(error: Error): boolean {
  return notTls.test(errnoOf(error) ?? '');
}

/** Why a certificate was not believed, to follow "the certificate: ". */
export function describeCertificateError(code: string): string {
  return certificateErrors[code] ?? code;
}

/** Why a TLS connection was not made or broke; undefined when that has nothing to do with TLS. */
export function describeTlsError(error: Error): string | undefined {
  const code = errnoOf(error) ?? '';
  const refusal = certificateErrors[code];
  if (refusal !== undefined) return `the certificate of the other end is refused: ${refusal}`;
  if (isNoTls(error)) return 'the other end does not speak TLS: give it peerTls too';
  if (!code.startsWith('ERR_SSL_')) return undefined;
  return `TLS: ${error.message.replace(openSslDetail, '$1').trim()}`;
}
