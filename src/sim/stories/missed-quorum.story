# a write that missed its quorum is unknown, not failed, and may surface
#
# One of three nodes is up. It takes the write to its disk, says how far it came, and cannot take it back: what
# is on one disk may reach the others. A client that has to know reads, or writes again.

cluster 3 n=3 r=2 w=2
kill n2 n3
sleep 1s
put n1 cart/1 apples
    unknown, QUORUM_NOT_MET: 1 of 2 acknowledged
get n1 cart/1
    unavailable, QUORUM_NOT_MET: 1 of 2 answered

start n2 n3
sleep 5s
get n2 cart/1
    apples

# A full disk does not acknowledge either. W = 3 needs the node that has no room.

disk n3 full
put n1 cart/2 pears w=3
    unknown, DISK_FULL: 2 of 3 acknowledged
health n3
    DISK_FULL
disk n3 well
put n1 cart/2 pears w=3
    stored
health n3
    ok
