# an expiry belongs to the version, and counts as a delete from that instant

SET session abc EX 10
    +OK
TTL session
    :10
PTTL session
    :10000
EXPIRETIME session
    :1700000010
PEXPIRETIME session
    :1700000010000
clock +9s
GET session
    $3
    abc
clock +1s
GET session
    $-1
TTL session
    :-2

# A plain SET forgets the expiry, KEEPTTL keeps it, GET gives the old value back.

SET session abc PX 10000
    +OK
SET session def KEEPTTL GET
    $3
    abc
TTL session
    :10
SET session ghi
    +OK
TTL session
    :-1
SET session jkl EXAT 1700000100 GET
    $3
    ghi
EXPIRETIME session
    :1700000100
SET session mno PXAT 1700000200000
    +OK
PEXPIRETIME session
    :1700000200000
PERSIST session
    :1
PERSIST session
    :0
TTL session
    :-1

EXPIRE session 100
    :1
TTL session
    :100
PEXPIRE session 5000
    :1
PTTL session
    :5000
EXPIREAT session 1700000300
    :1
PEXPIREAT session 1700000300500
    :1
PEXPIRETIME session
    :1700000300500
EXPIRE nothing 100
    :0

# A time that has passed deletes.

EXPIRE session 0
    :1
GET session
    $-1

SETEX lease 5 mine
    +OK
PSETEX lease 5000 mine
    +OK
GETEX lease PERSIST
    $4
    mine
TTL lease
    :-1
GETEX lease EX 7
    $4
    mine
TTL lease
    :7
GETEX lease
    $4
    mine
TTL lease
    :7
GETEX nothing EX 7
    $-1

# What makes no sense is refused.

SET a b EX 0
    -ERR invalid expire time in 'set' command
SET a b EX 10 PX 10
    -ERR syntax error
SET a b EX
    -ERR syntax error
SET a b EX ten
    -ERR value is not an integer or out of range
SET a b EX 99999999999999
    -ERR invalid expire time in 'set' command
SETEX a -1 b
    -ERR invalid expire time in 'setex' command
GETEX lease EX 0
    -ERR invalid expire time in 'getex' command
GETEX lease KEEPTTL
    -ERR syntax error
EXPIRE lease soon
    -ERR value is not an integer or out of range
EXPIRE lease 100 NX
    -ERR EXPIRE with NX, XX, GT or LT is a compare-and-set, which a leaderless store cannot promise: replicas accept writes at the same time. Write under a key of your own, or read first and accept that the last write wins
