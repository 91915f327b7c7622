# with two of three owners down, fallbacks take writes and answer reads
#
# Five nodes, three owners a key. Under a sloppy quorum the next healthy nodes stand in for owners that are down:
# the record is a hint there, durable, and counts (always writable, §4.6 of the Dynamo paper).

cluster 5 n=3 r=2 w=2
owners cart/1
    n3 n4 n5, then n2 n1
kill n3 n4
sleep 1s

put n1 cart/1 apples
    stored
sleep 1s
held cart/1
    n1: -
    n2: -
    n3: (down)
    n4: (down)
    n5: apples
hints
    n1 keeps 1 for n4
    n2 keeps 1 for n3
get n2 cart/1
    apples

# The last owner goes down too: the fallbacks alone still know.

kill n5
sleep 1s
get n2 cart/1
    apples

# The owners are back, the hints go home, and nobody but the owners holds the key.

start n3 n4 n5
sleep 10s
held cart/1
    n1: -
    n2: -
    n3: apples
    n4: apples
    n5: apples
hints
    none
