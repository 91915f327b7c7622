# a client chooses RESP3 with HELLO, and gets maps, sets and nulls

GET nothing
    $-1
CONFIG GET save
    *2
    $4
    save
    $0
    
HELLO 3
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
GET nothing
    _
CONFIG GET save
    %1
    $4
    save
    $0
    
COMMAND INFO get nothing
    *2
    *10
    $3
    get
    :2
    ~2
    +readonly
    +fast
    :1
    :1
    :1
    ~0
    ~0
    ~0
    ~0
    _
COMMAND DOCS get
    %1
    $3
    get
    %3
    $7
    summary
    $34
    The value of a key, by R replicas.
    $5
    since
    $5
    1.0.0
    $5
    group
    $6
    string
CLIENT GETNAME
    _
HELLO 3 SETNAME reader
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
CLIENT GETNAME
    $6
    reader
RESET
    +RESET
GET nothing
    $-1
CLIENT GETNAME
    $-1
HELLO 4
    -NOPROTO unsupported protocol version
HELLO 2 AUTH default any
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
HELLO 3 AUTH somebody else
    -WRONGPASS invalid username-password pair or user is disabled.
GET nothing
    $-1

# There are no passwords; these are the answers of a Redis without any.

AUTH secret
    -ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
AUTH default secret
    +OK
AUTH somebody secret
    -WRONGPASS invalid username-password pair or user is disabled.
