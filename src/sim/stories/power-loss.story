# a power loss of all nodes loses nothing that was acknowledged
#
# "Stored" is said after the sync of W disks, not after the write: all the rest, in page caches and in
# directories, may vanish or be torn at any byte.

cluster 3 n=3 r=2 w=2
put n1 cart/1 apples
    stored
put n2 cart/2 pears
    stored
put n3 cart/3 plums
    stored
delete n1 cart/2
    stored
power-loss tear
running
    none

start all
get n3 cart/1
    apples
get n1 cart/2
    nothing
get n2 cart/3
    plums

# Not even those that happened to hear of it first can go backwards: W = 3 is on all three disks.

put n1 cart/1 figs w=3
    stored
power-loss lose
start all
held cart/1
    n1: figs
    n2: figs
    n3: figs
