# requests may be sent without waiting, and their replies come in their order

> SET a 1 | GET a | SET a 2 | GET a | DEL a | GET a
    +OK
    $1
    1
    +OK
    $1
    2
    :1
    $-1
> GET a | MSET a 1 b 2 | MGET a b | PING | GET b
    $-1
    +OK
    *2
    $1
    1
    $1
    2
    +PONG
    $1
    2
> HELLO 3 | GET nothing | HELLO 2 | GET nothing
    %7
    $6
    server
    $11
    mini-dynamo
    $7
    version
    $5
    7.0.0
    $5
    proto
    :3
    $2
    id
    :1
    $4
    mode
    $10
    standalone
    $4
    role
    $6
    master
    $7
    modules
    *0
    _
    *14
    $6
    server
    $11
    mini-dynamo
    $7
    version
    $5
    7.0.0
    $5
    proto
    :2
    $2
    id
    :1
    $4
    mode
    $10
    standalone
    $4
    role
    $6
    master
    $7
    modules
    *0
    $-1

# An error concerns its own request only.

> SET a 3 | SET a | GET a
    +OK
    -ERR wrong number of arguments for 'set' command
    $1
    3

# Inline commands are for people; several in one packet are answered too.

raw "PING\r\nSET x \"1 2\"\r\nGET x\r\nQUIT\r\nPING\r\n"
    +PONG
    +OK
    $3
    1 2
    +OK
    (closed)
raw "*1\r\n$4\r\nPING\r\nPING\r\n\r\n*0\r\n*1\r\n$4\r\nPING\r\n"
    +PONG
    +PONG
    +PONG
    (closed)

# What is before the end of the stream is answered; half a request is not one.

raw "PING\r\n*2\r\n$3\r\nGET\r\n"
    +PONG
    (closed)
