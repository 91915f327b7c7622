# a node that comes back with an empty disk is not taken for a new one
#
# A disk that never held anything and that nobody knows is where every cluster begins. n3's peers know better:
# it has acknowledged writes that this disk does not hold.

cluster 3 n=3 r=2 w=2
put n1 cart/1 apples w=3
    stored
kill n2 n3
replace-disk n3
start n3
incarnation n3
    2
evidence n3
    no, lost

# Peers may remember different lives: n2 is away while n1 meets two more. Back with an empty disk again, n3 gets
# past what n2 knows first, and then past what n1 knows.

kill n3
start n3
incarnation n3
    3
kill n1 n3
replace-disk n3
start n2
start n3
incarnation n3
    2
start n1
incarnation n3
    4

get n2 cart/1
    apples
put n3 cart/1 pears w=3
    stored
get n1 cart/1
    pears
