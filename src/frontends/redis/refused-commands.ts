/**
 * What Redis has and this store cannot do honestly, each with what to do instead.
 *
 * These are refused by name, so that a client's developer learns why. A name that is neither here nor in the command
 * table is unknown, in the words of Redis.
 */

const conditional =
  'is a compare-and-set, which a leaderless store cannot promise: replicas accept writes at the same time. ' +
  'Write under a key of your own, or read first and accept that the last write wins';
const counted =
  'reads, changes and writes a value, and a leaderless store would lose one of two that happen at the same time. ' +
  'Give every writer a key of its own and add them up when reading';
const transactional =
  'needs one place that orders all commands, and a leaderless store has none. Put what belongs together into one value';
const structured =
  'works on a type that this store does not have: values are bytes. Put the whole into one value, or each part under a ' +
  'key of its own';
const scripted =
  'runs code on the server, and this store has no server that all writes pass. Do it in the client';
const published = 'needs a message bus, which this store is not. Use one, or read the key again';
const flushed =
  'would have to reach nodes that are down. Delete keys with DEL, or stop the nodes and remove their data directories';
const administrative = 'is about the inside of Redis. See INFO, and the HTTP routes under /debug';

const reasons: readonly (readonly [string, string])[] = [
  [conditional, 'setnx msetnx renamenx'],
  [counted, 'incr incrby incrbyfloat decr decrby append setrange setbit bitfield getset'],
  [
    'copies a value to another key in two writes, of which one may fail. Send GET, SET and DEL',
    'rename copy move',
  ],
  [
    'is not supported. Send GET and cut the value in the client',
    'getrange substr getbit bitcount bitpos bitop lcs',
  ],
  [transactional, 'multi exec discard watch unwatch'],
  [scripted, 'eval eval_ro evalsha evalsha_ro fcall fcall_ro function script'],
  [
    published,
    'publish spublish subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe pubsub monitor',
  ],
  [
    structured,
    'lpush rpush lpop rpop llen lrange lindex lset lrem ltrim linsert lmove blpop brpop blmove lpos rpoplpush lpushx ' +
      'rpushx hset hget hdel hgetall hmget hmset hincrby hincrbyfloat hexists hkeys hvals hlen hscan hsetnx hstrlen ' +
      'hrandfield sadd srem smembers sismember smismember scard spop srandmember sunion sinter sdiff smove sscan ' +
      'sunionstore sinterstore sdiffstore sintercard zadd zrem zrange zrangebyscore zrevrange zscore zmscore zcard ' +
      'zcount zincrby zrank zrevrank zpopmin zpopmax zscan zunionstore zinterstore zremrangebyscore zrangebylex ' +
      'xadd xread xrange xlen xdel xgroup xack xreadgroup xtrim pfadd pfcount pfmerge geoadd geosearch georadius ' +
      'geodist geopos sort sort_ro object dump restore',
  ],
  [flushed, 'flushdb flushall swapdb'],
  [
    administrative,
    'save bgsave bgrewriteaof lastsave shutdown debug memory latency slowlog module acl cluster replicaof slaveof role ' +
      'sync psync failover lolwut',
  ],
  ['is not supported. SCAN pages through the keys', 'randomkey'],
  ['is not supported: a read touches nothing. Send EXISTS', 'touch'],
];

const byName: ReadonlyMap<string, string> = new Map(
  reasons.flatMap(([reason, names]) => names.split(' ').map((name) => [name, reason] as const)),
);

/** Why a command is refused and what to do instead; undefined for a name that Redis does not have. */
export function refusalOf(name: string): string | undefined {
  const reason = byName.get(name);
  return reason === undefined ? undefined : `ERR ${name.toUpperCase()} ${reason}`;
}
