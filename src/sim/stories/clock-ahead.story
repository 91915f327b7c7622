# while its clock is an hour ahead, a node buries nothing that others write
#
# The later write wins, so a node with a clock in the future could make all writes of the others lose for an
# hour. Stamps too far ahead are refused by everyone, and nobody sets their own clock by them.

cluster 3 n=3 r=2 w=2
put n1 cart/1 apples
    stored
clock n3 +1h
put n3 cart/1 from-the-future
    unknown, QUORUM_NOT_MET: 1 of 2 acknowledged
held cart/1
    n1: apples
    n2: apples
    n3: from-the-future

put n1 cart/1 pears
    stored
get n1 cart/1
    pears
get n2 cart/1
    pears

# The clock is put right, but the node remembers what it has stamped. It takes no writes itself that would have
# to be later still, and says so; the others go on. What it had stamped stays with it: nobody believes it.

clock n3 -1h
health n3
    CLOCK_AHEAD
put n3 cart/1 plums
    refused, CLOCK_AHEAD
put n2 cart/1 plums
    stored
get n3 cart/1
    plums
held cart/1
    n1: plums
    n2: plums
    n3: from-the-future

# That write was called unknown, and unknown means that it may surface: here, once its hour has come. Whoever
# repairs a clock writes such a key again afterwards.
