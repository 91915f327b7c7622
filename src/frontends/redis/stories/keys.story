# SCAN pages through the keys that this node holds

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
    $7
    order:1
    $6
    user:1
    $6
    user:2
    $6
    user:3
SCAN 0 MATCH user:* COUNT 100
    *2
    $1
    0
    *3
    $6
    user:1
    $6
    user:2
    $6
    user:3
SCAN 0 COUNT 2
    *2
    $10
    4294967297
    *2
    $7
    order:1
    $6
    user:1
SCAN 4294967297 COUNT 2
    *2
    $1
    0
    *2
    $6
    user:2
    $6
    user:3
SCAN 4294967297 COUNT 2
    *2
    $1
    0
    *2
    $6
    user:2
    $6
    user:3
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

# A cursor that this node did not give out is refused.

SCAN 17
    -ERR invalid cursor: this node does not know it any more; start again with SCAN 0
SCAN -1
    -ERR invalid cursor
SCAN x
    -ERR invalid cursor
SCAN 0 COUNT 0
    -ERR syntax error
SCAN 0 MATCH
    -ERR syntax error
