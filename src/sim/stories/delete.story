# a delete does not come back through the replica that missed it
#
# A delete is a write: its tombstone is later than what it deletes, so the merge that would bring the old value
# back keeps the tombstone instead.

cluster 3 n=3 r=2 w=2
put n1 cart/1 apples
    stored
sleep 1s
kill n3
sleep 1s
delete n1 cart/1
    stored
held cart/1
    n1: tombstone
    n2: tombstone
    n3: (down)

# The old value is still on the disk of the node that slept, and it is asked at once.

start n3
get n3 cart/1
    nothing
sleep 5s
held cart/1
    n1: tombstone
    n2: tombstone
    n3: tombstone

# Nor does it come back when all lose power.

power-loss lose
start all
get n3 cart/1
    nothing
