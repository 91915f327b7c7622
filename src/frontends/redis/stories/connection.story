# a connection says what it is

PING
    +PONG
PING "a b"
    $3
    a b
ECHO "a b"
    $3
    a b
SELECT 0
    +OK
CLIENT ID
    :1
CLIENT SETNAME worker-1
    +OK
CLIENT SETNAME "two words"
    -ERR Client names cannot contain spaces, newlines or special characters.
CLIENT GETNAME
    $8
    worker-1
CLIENT SETINFO LIB-NAME teller
    +OK
CLIENT SETINFO LIB-VER 1.0
    +OK
CLIENT NO-EVICT on
    +OK
CLIENT NO-EVICT maybe
    -ERR syntax error
TIME
    *2
    $10
    1700000000
    $1
    0
READONLY
    +OK
READWRITE
    +OK
CONFIG GET max*
    *4
    $9
    maxmemory
    $1
    0
    $16
    maxmemory-policy
    $10
    noeviction
CONFIG GET nothing
    *0
INFO persistence
    $101
    # Persistence
    loading:0
    aof_enabled:1
    storage_engine:log
    storage_state:open
    storage_bytes:1000
    
INFO nothing
    $0
    
COMMAND COUNT
    :40
