import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { requestText, startHarness, type Harness, type Reply } from './test-harness.ts';
import type { PeerTlsStatus } from './status-routes.ts';

const json = { Accept: 'application/json' };

async function get(harness: Harness, target: string): Promise<unknown> {
  const reply = await harness.request('GET', target);
  assert.equal(reply.status, 200, target);
  assert.match(reply.headers['content-type'] ?? '', /^application\/json/);
  return JSON.parse(reply.body.toString());
}

async function post(harness: Harness, target: string, body: unknown): Promise<Reply> {
  return harness.request('POST', target, { body: JSON.stringify(body) });
}

async function posted(harness: Harness, target: string, body: unknown): Promise<unknown> {
  const reply = await post(harness, target, body);
  assert.equal(reply.status, 200, reply.body.toString());
  return JSON.parse(reply.body.toString());
}

test('health is ok in one word, or says what is wrong', async (t) => {
  const { request, node } = await startHarness(t);
  const well = await request('GET', '/health');
  assert.equal(well.status, 200);
  assert.equal(well.body.toString(), 'ok');
  assert.equal((await request('GET', '/health', { headers: json })).body.toString(), '{"ok":true}');
  assert.equal((await request('HEAD', '/health')).status, 200);
  node.healthNow = { ok: false, code: 'DISK_FULL', message: 'no space left in /data' };
  const ill = await request('GET', '/health');
  assert.equal(ill.status, 503);
  assert.equal(ill.body.toString(), 'DISK_FULL: no space left in /data\n');
  const illJson = await request('GET', '/health', { headers: json });
  assert.equal(illJson.status, 503);
  assert.deepEqual(JSON.parse(illJson.body.toString()), node.healthNow);
});

test('ready says which quorum cannot be met', async (t) => {
  const { request, node } = await startHarness(t);
  assert.equal((await request('GET', '/ready')).status, 200);
  node.readyNow = { ready: false, read: true, write: false, message: '1 of 2 nodes for writes' };
  const reply = await request('GET', '/ready');
  assert.equal(reply.status, 503);
  assert.deepEqual(JSON.parse(reply.body.toString()), node.readyNow);
});

test('a record is inspected as it lies on this node, tombstones included', async (t) => {
  const harness = await startHarness(t);
  assert.deepEqual(await posted(harness, '/internal/get', { key: 'k' }), { found: false });
  await harness.request('PUT', '/kv/k?ttl=1000', { body: 'hi', headers: { 'Content-Type': 'text/x' } });
  assert.deepEqual(await posted(harness, '/internal/get', { key: 'k' }), {
    found: true,
    record: {
      key: 'k',
      value: 'aGk=',
      ts: 1_700_000_000_000,
      counter: 0,
      writer_id: 'n1',
      actor: 'n1.test',
      deleted: false,
      expires_at_ms: 1_700_000_001_000,
      checksum: harness.node.records.get('k')?.version.checksum.toString(16).padStart(8, '0'),
      content_type: 'text/x',
    },
  });
  await harness.request('DELETE', '/kv/k');
  const { record } = (await posted(harness, '/internal/get', { key: 'k' })) as {
    record: Record<string, unknown>;
  };
  assert.equal(record['deleted'], true);
  assert.equal(record['value'], '');
});

test('a record put by inspection is merged, and an older one changes nothing', async (t) => {
  const harness = await startHarness(t);
  const record = { key: 'k', value: 'aGk=', ts: 2000, writer_id: 'n2' };
  assert.deepEqual(await posted(harness, '/internal/put', { record }), { ok: true, changed: true });
  assert.equal((await harness.request('GET', '/kv/k')).body.toString(), 'hi');
  const older = { ...record, ts: 1000, value: 'b2xk' };
  assert.deepEqual(await posted(harness, '/internal/put', { record: older }), { ok: true, changed: false });
  assert.equal((await harness.request('GET', '/kv/k')).body.toString(), 'hi');
  const deleted = { key: 'k', value: null, ts: 3000, counter: 1, writer_id: 'n2', deleted: true };
  assert.deepEqual(await posted(harness, '/internal/put', { record: deleted }), { ok: true, changed: true });
  assert.equal((await harness.request('GET', '/kv/k')).status, 404);
});

test('a hint put by inspection is kept for its target', async (t) => {
  const harness = await startHarness(t);
  const record = { key: 'k', value: 'aGk=', ts: 2000, writer_id: 'n2' };
  await posted(harness, '/internal/put', { record, hint_for: 'n3' });
  assert.deepEqual(
    harness.node.hinted.map((hint) => hint.target),
    ['n3'],
  );
  assert.equal(harness.node.records.size, 0);
});

test('wrong input names its field and changes nothing', async (t) => {
  const harness = await startHarness(t);
  const record = { key: 'k', value: 'aGk=', ts: 2000, writer_id: 'n2' };
  const cases: [string, unknown, RegExp][] = [
    ['/internal/get', {}, /^missing key$/],
    ['/internal/get', { key: '' }, /^missing key$/],
    ['/internal/get', { key: 5 }, /^key: must be string$/],
    ['/internal/get', { key: 'a', key_base64: 'YQ==' }, /^give either key or key_base64/],
    ['/internal/get', { key_base64: 'a' }, /^key_base64 is not base64/],
    ['/internal/get', { key: '\ud800' }, /^key holds half a surrogate pair/],
    ['/internal/get', { ky: 'a' }, /^ky: unknown field$/],
    ['/internal/get', [], /^body: must be object$/],
    ['/internal/get', 'k', /^body: must be object$/],
    ['/internal/put', {}, /^record: missing$/],
    ['/internal/put', { record: { ...record, ts: 'x' } }, /^record\.ts: must be integer$/],
    ['/internal/put', { record: { ...record, ts: -1 } }, /^record\.ts: must be >= 0$/],
    // Nanoseconds, as the Go demo had them.
    ['/internal/put', { record: { ...record, ts: 1.7e18 } }, /^record\.ts: must be <= 281474976710655$/],
    ['/internal/put', { record: { ...record, counter: 65_536 } }, /^record\.counter: must be <= 65535$/],
    ['/internal/put', { record: { key: 'k', ts: 1 } }, /^record\.writer_id: missing$/],
    ['/internal/put', { record: { ...record, value: '?' } }, /^record\.value is not base64/],
    ['/internal/put', { record: { ...record, deleted: true } }, /^record\.value must be empty/],
    ['/internal/put', { record: { ...record, content_type: 'a\nb' } }, /^record\.content_type: must match/],
    ['/internal/put', { record: { ...record, extra: 1 } }, /^record\.extra: unknown field$/],
    ['/internal/put', { record: { ...record, key: '\ud800' } }, /^record\.key holds half/],
    ['/internal/put', { record, hint_for: 5 }, /^hint_for: must be string$/],
    ['/internal/keys', { limit: limits.keysPageMax + 1 }, /^limit: must be <= 1000$/],
    ['/internal/keys', { limit: 0 }, /^limit: must be >= 1$/],
    ['/internal/keys', { after: 5 }, /^after: must be string$/],
  ];
  for (const [target, body, message] of cases) {
    const reply = await post(harness, target, body);
    assert.equal(reply.status, 400, JSON.stringify(body));
    assert.match(reply.body.toString().trimEnd(), message);
  }
  const notUtf8 = Buffer.from('{"key":"\xff"}', 'latin1');
  for (const body of ['{"key":', '{"__proto__":{"key":"a"}}', notUtf8]) {
    assert.equal((await harness.request('POST', '/internal/get', { body })).status, 400, String(body));
  }
  assert.equal(harness.node.records.size + harness.node.hinted.length, 0);
});

test('a wrong request is told as JSON to those who accept it', async (t) => {
  const { request } = await startHarness(t);
  const reply = await request('POST', '/internal/get', { body: '{"key":5}', headers: json });
  assert.equal(reply.status, 400);
  assert.deepEqual(JSON.parse(reply.body.toString()), {
    code: 'BAD_REQUEST',
    message: 'key: must be string',
  });
});

test('a body is JSON whatever its Content-Type says', async (t) => {
  const harness = await startHarness(t);
  for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/plain; charset=utf-8']) {
    const reply = await harness.request('POST', '/internal/get', {
      body: '{"key":"k"}',
      headers: { 'Content-Type': type },
    });
    assert.equal(reply.body.toString(), '{"found":false}', type);
  }
});

test('a body over its route’s limit is refused', async (t) => {
  const harness = await startHarness(t, { valueBytesMax: 100_000 });
  const long = 'x'.repeat(limits.inspectionBodyBytesMax);
  const reply = await post(harness, '/internal/get', { key: long });
  assert.equal(reply.status, 413);
  const record = { key: 'k', ts: 2000, writer_id: 'n2' };
  const value = Buffer.alloc(100_000).toString('base64');
  assert.equal((await post(harness, '/internal/put', { record: { ...record, value } })).status, 200);
  const longer = Buffer.alloc(100_001).toString('base64');
  assert.equal((await post(harness, '/internal/put', { record: { ...record, value: longer } })).status, 413);
});

test('all keys are listed in pages, each once', async (t) => {
  const harness = await startHarness(t);
  const written = ['a', 'b', '__proto__', '1', 'ä', 'base64:Yg==', '%FF', '%00'];
  for (const key of written) {
    await harness.request('PUT', `/kv/${key === 'ä' ? '%C3%A4' : key}`, { body: 'x' });
  }
  const names: string[] = [];
  let after: string | null = null;
  do {
    const body: Record<string, unknown> = after === null ? { limit: 3 } : { limit: 3, after };
    const page = (await posted(harness, '/internal/keys', body)) as { keys: object; next: string | null };
    assert.ok(Object.keys(page.keys).length <= 3);
    names.push(...Object.keys(page.keys));
    after = page.next;
  } while (after !== null);
  assert.deepEqual(
    names.toSorted(),
    ['a', 'b', '__proto__', '1', 'ä', `base64:${btoa('base64:Yg==')}`, 'base64:/w==', '\0'].toSorted(),
  );
  const all = (await posted(harness, '/internal/keys', {})) as { keys: Record<string, unknown>; next: null };
  assert.equal(all.next, null);
  assert.deepEqual(Object.keys(all.keys['a'] as object), [
    'ts',
    'counter',
    'writer_id',
    'actor',
    'deleted',
    'checksum',
  ]);
});

test('the ring shows who owns a key of any bytes', async (t) => {
  const harness = await startHarness(t);
  const ring = (await get(harness, '/debug/ring')) as Record<string, unknown>;
  assert.deepEqual(ring['partitions_per_node'], { n1: 86, n2: 85, n3: 85 });
  assert.equal(ring['partitions'], 256);
  assert.equal(ring['key'], undefined);
  const placement = { partition: 5, owners: ['n2', 'n1'], fallbacks: ['n3'] };
  for (const query of ['key=%ff%00', 'key_base64=%2FwA%3D', 'key_base64=/wA=']) {
    const { key } = (await get(harness, `/debug/ring?${query}`)) as { key: unknown };
    assert.deepEqual(key, { key_base64: '/wA=', token: 'ff00000000000000', ...placement }, query);
  }
  const { key } = (await get(harness, '/debug/ring?key=a%2Bb')) as { key: Record<string, unknown> };
  assert.equal(key['key'], 'a+b');
  for (const query of ['key=', 'kay=a', 'key', 'key=a&key=b', 'key_base64=!', `key=${'a'.repeat(5000)}`]) {
    const { status } = await harness.request('GET', `/debug/ring?${query}`);
    assert.equal(status, query.length > 5000 ? 414 : 400, query);
  }
});

test('the pages of the Go demo keep their names', async (t) => {
  const paths = { log: '/data/n1/log', snapshot: '/data/n1/checkpoint', hints: '/data/n1/hints' };
  const harness = await startHarness(t, { paths });
  const names = async (target: string): Promise<string[]> =>
    Object.keys((await get(harness, target)) as object);
  for (const name of ['count', 'targets', 'wal'])
    assert.ok((await names('/debug/hints')).includes(name), name);
  for (const name of ['kv_snapshot', 'kv_wal', 'snapshot_tick', 'wal_bytes', 'wal_ops']) {
    assert.ok((await names('/debug/persist')).includes(name), name);
  }
  assert.deepEqual((await names('/debug/ae')).slice(0, 11), [
    'enabled',
    'interval_ms',
    'last_compared',
    'last_dur_ms',
    'last_error',
    'last_peer',
    'last_pulled',
    'last_run_unix',
    'max_per_tick',
    'total_errors',
    'total_pulled',
  ]);
  const persistence = (await get(harness, '/debug/persist')) as Record<string, unknown>;
  assert.equal(persistence['kv_wal'], paths.log);
  assert.equal(persistence['wal_ops'], 10);
  const hints = (await get(harness, '/debug/hints')) as Record<string, unknown>;
  assert.deepEqual(hints['targets'], { n2: 4 });
  assert.equal(hints['wal'], paths.hints);
});

test('the load shows what is under way and waits, what may, and what was refused', async (t) => {
  const harness = await startHarness(t);
  harness.node.counters = () => ({
    'admission.queued': 40,
    'admission.refused.late': 5,
    'requests.expired': 2,
  });
  assert.deepEqual(await get(harness, '/debug/load'), {
    ...{ limit: 256, in_flight: 12, queued: 3, oldest_ms: 4.5, crowded: false },
    ...{ average_ms: 3.25, usual_ms: 1.5, target_ms: 20 },
    ...{ queued_total: 40, refused_late: 5, refused_full: 0, dropped: 0, expired: 2 },
  });
});

test('the metrics are in the format of Prometheus: every counter, and what is under way', async (t) => {
  const { request, node } = await startHarness(t);
  node.counters = () => ({ 'puts.acknowledged': 7, 'admission.refused.late': 5 });
  const reply = await request('GET', '/metrics');
  assert.equal(reply.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  const lines = reply.body.toString().trimEnd().split('\n');
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('#')),
    [
      'mini_dynamo_admission_limit 256',
      'mini_dynamo_admission_in_flight 12',
      'mini_dynamo_admission_queued 3',
      'mini_dynamo_admission_queue_age_seconds 0.0045',
      'mini_dynamo_admission_latency_seconds 0.00325',
      'mini_dynamo_events_total{event="admission.refused.late"} 5',
      'mini_dynamo_events_total{event="puts.acknowledged"} 7',
    ],
  );
  for (const line of lines)
    assert.match(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{event="[^"\\]+"\})? [0-9.e-]+)$/);
});

test('the stability floor shows how far it has come, and what holds it', async (t) => {
  const page = (await get(await startHarness(t), '/debug/floor')) as Record<string, unknown>;
  assert.deepEqual(page, {
    ...{ promise_ms: 2_000, strays_refused: 1, strays_dropped: 2, late_writes_refused: 3 },
    ...{ collected_keys: 4, collected_bytes: 500 },
    partitions: [
      { partition: 5, floor_ms: 1_000, leader: 'n1', reason: 'blocked by n3: down 4 h' },
      { partition: 7, floor_ms: 0, leader: 'n2', reason: '' },
    ],
  });
});

test('anti-entropy shows its last round, each other owner, and what this node can vouch for', async (t) => {
  const page = (await get(await startHarness(t), '/debug/ae')) as Record<string, unknown>;
  assert.deepEqual(page, {
    ...{ enabled: true, interval_ms: 1_000, last_compared: 86, last_dur_ms: 3, last_error: '' },
    ...{ last_peer: 'n2', last_pulled: 5, last_run_unix: 1_700_000_000, max_per_tick: 0 },
    ...{ total_errors: 1, total_pulled: 9, level: false },
    evidence: { complete: false, cause: 'lost', incomplete_partitions: 2 },
    owners: [
      {
        ...{ id: 'n2', partitions: 86, level: false, last_compared_ms: 12, unfinished: 1, ahead: 0 },
        ...{ rounds: 4, errors: 1, last_error: 'n2 has restarted', pulled: 9, refused: 0 },
        ...{ sent_bytes: 800, received_bytes: 4_000 },
        different: [{ partition: 17, state: 'unfinished', last_compared_ms: 12 }],
      },
    ],
    foreign: { partitions: 1, records: 6, handed_over: 2, last_error: 'n3 is down' },
  });
});

/** Until a piece of work is no longer under way. */
async function ended(harness: Harness, target: string): Promise<unknown> {
  for (;;) {
    const job = (await get(harness, target)) as { state: string };
    if (job.state !== 'running') return job;
  }
}

test('a repair is about everything, a partition, or the partition of a key', async (t) => {
  const harness = await startHarness(t);
  assert.deepEqual(await get(harness, '/debug/repair'), { number: 0, state: 'idle', error: '' });
  for (const body of [{}, { partition: 9 }, { key: 'a' }]) {
    assert.equal((await post(harness, '/debug/repair', body)).status, 202);
    assert.deepEqual(await ended(harness, '/debug/repair'), {
      ...{ number: harness.node.repaired.length, state: 'done', error: '', ok: true },
      peers: [{ id: 'n2', partitions: 1, state: 'done', pulled: 3, pushed: 4, error: '' }],
    });
  }
  assert.deepEqual(harness.node.repaired, [undefined, [9], [5]]);
  for (const body of [{ partition: 256 }, { partition: 1, key: 'a' }, { partition: -1 }, { all: true }]) {
    assert.equal((await post(harness, '/debug/repair', body)).status, 400, JSON.stringify(body));
  }
});

test('long work is begun once at a time, shows how far it is, and says why it failed', async (t) => {
  const harness = await startHarness(t);
  const work = Promise.withResolvers<void>();
  harness.node.work = work.promise;
  for (const path of ['/debug/repair', '/debug/scrub', '/debug/compact']) {
    assert.equal((await post(harness, path, {})).status, 202, path);
    const again = await harness.request('POST', path, { body: '{}', headers: json });
    assert.equal(again.status, 503, path);
    assert.match(again.body.toString(), /"OVERLOADED".*is under way already/);
  }
  const repair = (await get(harness, '/debug/repair')) as { ok: boolean; peers: { pulled: number }[] };
  assert.equal(repair.ok, false);
  assert.equal(repair.peers[0]?.pulled, 1);
  const scrub = { number: 1, state: 'running', error: '', bytes: 3_400, corrupt: 1, sum_mismatches: 0 };
  assert.deepEqual(await get(harness, '/debug/scrub'), { ...scrub, records: 6 });
  work.resolve();
  assert.deepEqual(await ended(harness, '/debug/scrub'), { ...scrub, state: 'done', records: 12 });
  const compaction = { number: 1, state: 'done', error: '', wal_bytes: 1_000 };
  assert.deepEqual(await ended(harness, '/debug/compact'), compaction);
  const failing = Promise.withResolvers<void>();
  harness.node.work = failing.promise;
  assert.equal((await post(harness, '/debug/scrub', {})).status, 202);
  failing.reject(new Error('the disk is gone'));
  assert.deepEqual(await ended(harness, '/debug/scrub'), {
    ...{ number: 2, state: 'failed', error: 'the disk is gone' },
    ...{ records: 6, bytes: 3_400, corrupt: 1, sum_mismatches: 0 },
  });
});

test('why tells what each node holds of a key, what is on its way, and how it came', async (t) => {
  const harness = await startHarness(t);
  const fixed = {
    token: '000000abcdef0123',
    partition: 5,
    level: false,
    owners: ['n1', 'n2'],
    fallbacks: [],
  };
  const down = { state: 'down', message: 'it cannot be reached', witness: null, failure: null, copy: null };
  const nothing = { state: 'answered', message: '', witness: true, failure: null, copy: null };
  assert.deepEqual(await get(harness, '/debug/why?key=k'), {
    ...{ key: 'k', ...fixed, newest: null, hints: [] },
    nodes: [
      { id: 'n1', role: 'owner', ...nothing },
      { id: 'n2', role: 'owner', ...down },
    ],
  });
  await harness.request('PUT', '/kv/%ff', { body: 'hello' });
  const digest = {
    ...{ ts: 1_700_000_000_000, counter: 0, writer_id: 'n1', actor: 'n1.test', deleted: false },
    checksum: harness.node.records.get('\u00ff')?.version.checksum.toString(16).padStart(8, '0'),
  };
  const arrived = { path: 'handoff', from: 'n3', ago_ms: 1_500 };
  const copy = { ...digest, bytes: 5, newest: true, arrived };
  const said = await get(harness, '/debug/why?key=%ff');
  assert.deepEqual(said, {
    ...{ key_base64: '/w==', ...fixed, newest: digest },
    nodes: [
      { id: 'n1', role: 'owner', ...nothing, copy },
      { id: 'n2', role: 'owner', ...down },
    ],
    hints: [{ holder: 'n1', target: 'n2', ...copy }],
  });
  assert.deepEqual(await get(harness, '/debug/why?key_base64=/w=='), said);
  for (const query of ['', '?key=', '?key=%zz', '?name=k', '?key=a&r=1']) {
    assert.equal((await harness.request('GET', `/debug/why${query}`)).status, 400, query);
  }
});

test('peers are listed with what is known of them', async (t) => {
  assert.deepEqual(await get(await startHarness(t), '/debug/peers'), {
    id: 'n1',
    incarnation: 7,
    tls: null,
    peers: [
      {
        id: 'n2',
        up: true,
        encrypted: false,
        suspect: false,
        latency_ms: 0.75,
        incarnation: 2,
        silent_ms: 12,
        hints_pending: 4,
      },
    ],
  });
});

test('of peers by TLS it is told until when the certificate is valid, and which of them are encrypted', async (t) => {
  const tls: PeerTlsStatus = {
    mode: 'required',
    certificateExpiresMs: 4_000,
    isEncrypted: (id) => id === 'n2',
  };
  const page = JSON.stringify(await get(await startHarness(t, { peerTls: () => tls }), '/debug/peers'));
  assert.match(page, /"tls":\{"mode":"required","certificate_expires_ms":4000\}/);
  assert.match(page, /"id":"n2","up":true,"encrypted":true/);
  const sources = { peerTls: () => tls, partsCounters: () => ({ 'peers.refused': 3 }) };
  const { body } = await (await startHarness(t, sources)).request('GET', '/metrics');
  assert.match(body.toString(), /^mini_dynamo_events_total\{event="peers\.refused"\} 3$/m);
  assert.match(body.toString(), /^mini_dynamo_peer_certificate_expires_timestamp_seconds 4$/m);
});

test('an unknown path is not found, a known one tells its methods', async (t) => {
  const { request } = await startHarness(t);
  for (const target of ['/', '/kvx', '/health/', '/Health', '/%68ealth', '/internal', '/metrics/']) {
    const reply = await request('GET', target, { headers: json });
    assert.equal(reply.status, 404, target);
    assert.match(reply.body.toString(), /"NOT_FOUND"/);
  }
  const health = await request('POST', '/health', { body: 'x' });
  assert.equal(health.status, 405);
  assert.equal(health.headers['allow'], 'GET, HEAD');
  const keys = await request('GET', '/internal/keys');
  assert.equal(keys.status, 405);
  assert.equal(keys.headers['allow'], 'POST');
});

test('a failing handler is answered and logged, without its innards', async (t) => {
  const { request, node, logged } = await startHarness(t);
  node.peers = () => {
    throw new TypeError('secret detail');
  };
  const reply = await request('GET', '/debug/peers');
  assert.equal(reply.status, 500);
  assert.equal(reply.body.toString(), 'internal error; the node has logged it\n');
  assert.match(logged.join(), /http\.handler_failed .*secret detail/);
});

test('operator requests and keys mix on one pipelined connection', async (t) => {
  const { connect } = await startHarness(t);
  const client = await connect();
  client.send(
    Buffer.concat([
      requestText('PUT', '/kv/a', { body: 'x' }),
      requestText('POST', '/internal/get', { body: '{"key":"a"}' }),
      requestText('GET', '/health'),
      requestText('GET', '/kv/a'),
      requestText('GET', '/nowhere'),
    ]),
  );
  const statuses = [];
  for (let index = 0; index < 5; index++) statuses.push((await client.reply()).status);
  assert.deepEqual(statuses, [204, 200, 200, 200, 404]);
});
