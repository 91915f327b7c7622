# a disk whose sync has failed is not asked to try again
#
# After a failed sync the page cache claims to have what the disk has not (Rebello et al. 2020). The node refuses,
# ends itself, and trusts after its restart only what it reads from the disk.

cluster 3 n=3 r=2 w=2
put n1 cart/1 apples w=3
    stored
disk n3 syncs-fail
put n1 cart/1 pears w=3
    unknown, QUORUM_NOT_MET: 2 of 3 acknowledged
sleep 1s
running
    n1 n2

# The other two have it, and the hint waits for the third.

get n1 cart/1
    pears
hints
    n1 keeps 1 for n3
disk n3 well
start n3
sleep 10s
held cart/1
    n1: pears
    n2: pears
    n3: pears
