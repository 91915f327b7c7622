# what is no request is answered once, after everything before it, and the connection is closed

raw "*1\r\n$4\r\nPING\r\n*1\r\nPING\r\n*1\r\n$4\r\nPING\r\n"
    +PONG
    -ERR Protocol error: expected '$', got 'P'
    (closed)
raw "*x\r\n"
    -ERR Protocol error: invalid multibulk length
    (closed)
raw "*1000000\r\n"
    -ERR Protocol error: invalid multibulk length
    (closed)
raw "*1\r\n$-5\r\n"
    -ERR Protocol error: invalid bulk length
    (closed)
raw "*1\r\n$99999999\r\n"
    -ERR Protocol error: invalid bulk length
    (closed)
raw "SET \"a\r\n"
    -ERR Protocol error: unbalanced quotes in request
    (closed)

# Web pages can make browsers send requests to local ports; the second line of one gives it away.

raw "PING\r\nHost: evil\r\nPING\r\n"
    (closed)
