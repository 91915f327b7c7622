# a copy of a disk from the life that ended last is noticed by what its log lacks
#
# The copy of n3's disk is made while n3 runs, and n3 goes on. Put back, it counts the next incarnation like any
# restart; but n1 has heard how far n3's log had come, and this one ends before.

cluster 3 n=3 r=2 w=2
put n1 cart/1 apples w=3
    stored
snapshot-disk n3
put n1 cart/2 pears w=3
    stored
sleep 1s
kill n2 n3
roll-back-disk n3
start n3

# It came as incarnation 2, was refused, and is the one after.

incarnation n3
    3
evidence n3
    no, rolled-back

# Nobody may be told that there are no pears, although n3 has none and n2 is away.

get n3 cart/2
    unavailable, QUORUM_NOT_MET: 1 of 2 answered
start n2
get n3 cart/2
    pears
sleep 5s
evidence n3
    yes

# The same copy once more comes as incarnation 2 again, which is past by now.

kill n3
roll-back-disk n3
start n3
incarnation n3
    4
evidence n3
    no, rolled-back
