# under a strict quorum a hint does not make up for an owner
#
# The same five nodes with the same two owners down. Strict counts owners only, because a read that asks owners
# would not see what only fallbacks have. The hints are kept all the same, so nothing is lost by asking.

cluster 5 n=3 r=2 w=2 strict
owners cart/1
    n3 n4 n5, then n2 n1
put n1 cart/1 apples
    stored
sleep 1s
kill n3 n4
sleep 1s

put n1 cart/1 pears
    unknown, QUORUM_NOT_MET: 1 of 2 acknowledged
get n1 cart/1
    unavailable, QUORUM_NOT_MET: 1 of 2 answered
sleep 1s
hints
    n1 keeps 1 for n4
    n2 keeps 1 for n3

start n3 n4
sleep 10s
get n1 cart/1
    pears
held cart/1
    n1: -
    n2: -
    n3: pears
    n4: pears
    n5: pears
