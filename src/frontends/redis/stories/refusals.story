# what a leaderless store cannot do honestly is refused, with what to do instead

SETNX lock mine
    -ERR SETNX is a compare-and-set, which a leaderless store cannot promise: replicas accept writes at the same time. Write under a key of your own, or read first and accept that the last write wins
SET lock mine NX
    -ERR SET with NX is a compare-and-set, which a leaderless store cannot promise: replicas accept writes at the same time. Write under a key of your own, or read first and accept that the last write wins
SET lock mine XX
    -ERR SET with XX is a compare-and-set, which a leaderless store cannot promise: replicas accept writes at the same time. Write under a key of your own, or read first and accept that the last write wins
INCR counter
    -ERR INCR reads, changes and writes a value, and a leaderless store would lose one of two that happen at the same time. Give every writer a key of its own and add them up when reading
APPEND log line
    -ERR APPEND reads, changes and writes a value, and a leaderless store would lose one of two that happen at the same time. Give every writer a key of its own and add them up when reading
MULTI
    -ERR MULTI needs one place that orders all commands, and a leaderless store has none. Put what belongs together into one value
EVAL "return 1" 0
    -ERR EVAL runs code on the server, and this store has no server that all writes pass. Do it in the client
LPUSH list a
    -ERR LPUSH works on a type that this store does not have: values are bytes. Put the whole into one value, or each part under a key of its own
HSET hash a b
    -ERR HSET works on a type that this store does not have: values are bytes. Put the whole into one value, or each part under a key of its own
SUBSCRIBE news
    -ERR SUBSCRIBE needs a message bus, which this store is not. Use one, or read the key again
FLUSHALL
    -ERR FLUSHALL would have to reach nodes that are down. Delete keys with DEL, or stop the nodes and remove their data directories
RENAME a b
    -ERR RENAME copies a value to another key in two writes, of which one may fail. Send GET, SET and DEL
RANDOMKEY
    -ERR RANDOMKEY is not supported. SCAN pages through the keys
CONFIG SET save ""
    -ERR CONFIG SET is not supported: settings are in the nodes file and are read when a node starts; CONFIG GET is

# Names that Redis does not have either, and wrong numbers of words.

FLY "to the\r\nmoon" now
    -ERR unknown command 'FLY', with args beginning with: 'to the??moon' 'now' 
GET
    -ERR wrong number of arguments for 'get' command
GET a b
    -ERR wrong number of arguments for 'get' command
MSET a 1 b
    -ERR wrong number of arguments for 'mset' command
SELECT 1
    -ERR DB index is out of range
SELECT zero
    -ERR value is not an integer or out of range
CLIENT KILL all
    -ERR unknown subcommand or wrong number of arguments for 'client|kill'; there are ID, GETNAME, SETNAME, SETINFO, LIST, INFO, NO-EVICT and NO-TOUCH
CLIENT SETINFO LIB-COLOUR red
    -ERR Unrecognized option 'lib-colour'
