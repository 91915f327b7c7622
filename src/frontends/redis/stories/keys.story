# SCAN pages through the keys of the cluster in the order of their tokens

SCAN 0
    *2
    $1
    0
    *0
MSET user:1 a user:2 b user:3 c order:1 d
    +OK
SCAN 0
    *2
    $1
    0
    *4
    $6
    user:1
    $7
    order:1
    $6
    user:3
    $6
    user:2
SCAN 0 MATCH user:* COUNT 100
    *2
    $1
    0
    *3
    $6
    user:1
    $6
    user:3
    $6
    user:2
SCAN 0 COUNT 2
    *2
    $20
    11858690481981000289
    *2
    $6
    user:1
    $7
    order:1
SCAN @next COUNT 2
    *2
    $1
    0
    *2
    $6
    user:3
    $6
    user:2
SCAN 0 TYPE list
    *2
    $1
    0
    *0
DEL user:2
    :1
KEYS user:*
    *2
    $6
    user:1
    $6
    user:3
DBSIZE
    :3

# A cursor is a number of 64 bits; any is good, at every node.

SCAN 18446744073709551615
    *2
    $1
    0
    *0
SCAN 18446744073709551616
    -ERR invalid cursor
SCAN -1
    -ERR invalid cursor
SCAN x
    -ERR invalid cursor
SCAN 0 COUNT 0
    -ERR syntax error
SCAN 0 MATCH
    -ERR syntax error

# Without a quorum of owners there is no page, rather than half of one.

scans unavailable
SCAN 0
    -NOQUORUM 1 of the required 2 replicas answered the read.
KEYS *
    -NOQUORUM 1 of the required 2 replicas answered the read.
DBSIZE
    -NOQUORUM 1 of the required 2 replicas answered the read.
