# a node that comes back with an old disk is noticed, and what it does not hold proves nothing
#
# The copy of n3's disk is from before the pears. Its peers remember which life of n3 they met last, so they do
# not let in one that comes before; n3 then goes on as a new actor that knows of its loss.

cluster 3 n=3 r=2 w=2
put n1 cart/1 apples w=3
    stored
kill n3
snapshot-disk n3
start n3
incarnation n3
    2
put n1 cart/2 pears w=3
    stored
kill n2 n3
roll-back-disk n3
start n3

# The disk would have made it incarnation 2 again.

incarnation n3
    3
evidence n3
    no, rolled-back

# Nobody may be told that there are no pears: n1 knows better, and n3 does not count.

get n1 cart/2
    unavailable, QUORUM_NOT_MET: 1 of 2 answered
get n3 cart/2
    unavailable, QUORUM_NOT_MET: 1 of 2 answered
start n2
get n3 cart/2
    pears

# A restart later n3 still is what it is now, and nobody objects.

kill n3
start n3
incarnation n3
    4
put n3 cart/3 plums w=3
    stored
