# a write that timed out is unknown, never failed

writes unknown
SET a b
    -UNKNOWN outcome unknown: 1 of the required 2 replicas acknowledged the write within 2000 ms; it may still take effect.
MSET a 1 b 2
    -UNKNOWN outcome unknown: 1 of the required 2 replicas acknowledged the write within 2000 ms; it may still take effect. (0 of 2 keys are known to be set)
DEL a
    -UNKNOWN outcome unknown: 1 of the required 2 replicas acknowledged the write within 2000 ms; it may still take effect.

# What was certainly applied nowhere says so in another way.

writes refused
SET a b
    -BUSY 8192 requests are under way; try again later
SETEX a 10 b
    -BUSY 8192 requests are under way; try again later
writes fine

# A read without a quorum is an error, not a null.

SET a b
    +OK
reads unavailable
GET a
    -NOQUORUM 1 of the required 2 replicas answered the read.
MGET a b
    -NOQUORUM 1 of the required 2 replicas answered the read.
EXISTS a
    -NOQUORUM 1 of the required 2 replicas answered the read.
TTL a
    -NOQUORUM 1 of the required 2 replicas answered the read.
SET a c KEEPTTL
    -NOQUORUM 1 of the required 2 replicas answered the read.
GETDEL a
    -NOQUORUM 1 of the required 2 replicas answered the read.
reads fine
GET a
    $1
    b

# WAIT tells on how many replicas beside the first the writes so far were durable.

WAIT 1 0
    :0
SET a d
    +OK
WAIT 2 100
    :1
