# both sides of a partition take writes, and agree after it
#
# W = 1 on this key: whoever is alone may still write. That is a choice per request, and it means that the
# two sides may differ for as long as they can't talk.

cluster 3 n=3 r=2 w=2
put n1 cart/1 apples
    stored
partition n1 | n2 n3
sleep 3s

put n1 cart/1 pears w=1
    stored
put n2 cart/1 plums w=1
    stored
sleep 1s
held cart/1
    n1: pears
    n2: plums
    n3: plums
get n1 cart/1 r=1
    pears
get n3 cart/1 r=1
    plums

# With W = 2 the lone node can't say that the write is safe, and doesn't. It doesn't say either that the write
# failed, for it is on one disk and may win later. The other side has its quorum.

put n1 cart/2 lonely
    unknown, QUORUM_NOT_MET: 1 of 2 acknowledged
put n3 cart/2 together
    stored
get n1 cart/2
    unavailable, QUORUM_NOT_MET: 1 of 2 answered
get n3 cart/2
    together

# When they can talk again the hints go out, and on each key the later write is the one that all end with.

heal
sleep 15s
held cart/1
    n1: plums
    n2: plums
    n3: plums
held cart/2
    n1: together
    n2: together
    n3: together
hints
    none
