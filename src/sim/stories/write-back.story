# once a read has shown a value, no later read shows an older one
#
# A coordinator that owns no copy dies while one of three owners has heard of its write. Nobody was told "stored",
# so both answers, old and new, are right at first. But not the new one and then the old one.

cluster 5 n=3 r=2 w=2
owners cart/1
    n3 n4 n5, then n2 n1
put n1 cart/1 apples
    stored
sleep 1s
partition n1 | n4 n5
begin-put n1 cart/1 pears
sleep 50ms
kill n1
heal
sleep 1s
held cart/1
    n1: (down)
    n2: -
    n3: pears
    n4: apples
    n5: apples

# The read finds that fewer than two hold the newer value, and brings it to a second owner before it answers.

get n3 cart/1
    pears
count n3 reads.written-back
    1

# So the first holder may go: whoever reads next meets the second.

kill n3
sleep 1s
get n4 cart/1
    pears
get n5 cart/1
    pears
get n2 cart/1
    pears
