# any node takes a write, and any other node reads it
#
# Three nodes, and every key has three owners. A write is acknowledged by two of them before the client
# hears "stored", and a read asks two: two and two of three always have one in common.

cluster 3 n=3 r=2 w=2
put n1 cart/1 apples
    stored
get n3 cart/1
    apples

# W says when the client is answered. The third owner gets the record all the same.

sleep 1s
held cart/1
    n1: apples
    n2: apples
    n3: apples

# Who writes later wins, whichever node it is written through.

put n2 cart/1 pears
    stored
get n1 cart/1
    pears
get n2 cart/2
    nothing
