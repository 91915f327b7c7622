import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { PeerCredentials, type CredentialFiles } from './peer-credentials.ts';
import { SystemClock } from './system-clock.ts';
import { RecordingObserver } from './transport-contract-members.ts';
import { filesOf } from './transport-contract-tls.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'peer-credentials-'));
});
after(() => rm(folder, { recursive: true }));

/** A clock that can be set forward. */
class SetClock extends SystemClock {
  aheadMs = 0;

  override monotonicNow(): number {
    return super.monotonicNow() + this.aheadMs;
  }
}

/** Each file is put in place of the old one at once, as every tool that renews certificates does. */
async function install(name: string, as: string): Promise<CredentialFiles> {
  const from = filesOf(name);
  const to = { ca: join(folder, 'ca.crt'), cert: join(folder, `${as}.crt`), key: join(folder, `${as}.key`) };
  for (const file of ['ca', 'cert', 'key'] as const) {
    await copyFile(from[file], `${to[file]}.new`);
    await rename(`${to[file]}.new`, to[file]);
  }
  return to;
}

function openWith(files: CredentialFiles): {
  credentials: PeerCredentials;
  clock: SetClock;
  observer: RecordingObserver;
} {
  const clock = new SetClock();
  const observer = new RecordingObserver();
  return {
    credentials: new PeerCredentials({ files, names: ['n1', 'n2'], clock, observer }),
    clock,
    observer,
  };
}

function refusalOf(files: CredentialFiles): string {
  try {
    openWith(files);
  } catch (error) {
    assert.ok(error instanceof StoreError);
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.message;
  }
  assert.fail('accepted');
}

test('files that are missing, too long or no good are refused, each with its path', async () => {
  const files = filesOf('n1');
  const gone = join(folder, 'gone.key');
  assert.match(refusalOf({ ...files, key: gone }), /^peerTls: .*gone\.key cannot be read: ENOENT/);
  assert.match(refusalOf({ ...files, ca: folder }), /cannot be read: EISDIR/);
  const long = join(folder, 'long.crt');
  await writeFile(long, Buffer.alloc(limits.peerCertificateFileBytesMax + 1));
  assert.match(refusalOf({ ...files, ca: long }), /long\.crt cannot be read: it has 1048577 bytes/);
  assert.match(refusalOf(filesOf('n1-expired')), /^peerTls: .*n1-expired\.crt expired on/);
  assert.match(refusalOf({ ...files, key: filesOf('n2').key }), /^peerTls: .*n2\.key does not belong to/);
});

test('files that were replaced are used for the next connection, once they are looked at again', async () => {
  const files = await install('n1', 'renewed');
  const { credentials, clock, observer } = openWith(files);
  const first = credentials.current();
  assert.match(String(first.tls.cert), /BEGIN CERTIFICATE/);
  await install('n2', 'renewed');
  assert.equal(credentials.current(), first, 'not looked at yet');
  clock.aheadMs = limits.peerCertificateCheckMs;
  const second = credentials.current();
  assert.notEqual(second, first);
  assert.notEqual(second.tls.cert, first.tls.cert);
  assert.match(observer.messages('peer-tls.reloaded').join(), /new certificate, valid until 21\d\d-/);
  clock.aheadMs *= 2;
  assert.equal(credentials.current(), second, 'unchanged files are not read again');
});

test('new files that are no good are reported once and not used, until they are mended', async () => {
  const files = await install('n1', 'spoilt');
  const { credentials, clock, observer } = openWith(files);
  const first = credentials.current();
  await copyFile(filesOf('n2').cert, files.cert);
  for (let look = 1; look <= 3; look++) {
    clock.aheadMs += limits.peerCertificateCheckMs;
    assert.equal(credentials.current(), first);
  }
  assert.equal(observer.messages('peer-tls.not-reloaded').length, 1);
  assert.match(
    observer.messages('peer-tls.not-reloaded').join(),
    /spoilt\.key does not belong to the certificate/,
  );
  assert.equal(observer.counters.get('peer-tls.not-reloaded'), 1);
  await rm(files.key);
  clock.aheadMs += limits.peerCertificateCheckMs;
  assert.equal(credentials.current(), first);
  await copyFile(filesOf('n2').key, files.key);
  clock.aheadMs += limits.peerCertificateCheckMs;
  assert.notEqual(credentials.current(), first);
});
