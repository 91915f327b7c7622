# an owner that is down gets its writes when it is back
#
# The write that an owner misses is not lost on it: another node keeps it as a hint, on disk, and hands it
# over once the owner answers again (hinted handoff, §4.6 of the Dynamo paper).

cluster 3 n=3 r=2 w=2
kill n3
sleep 1s
put n1 cart/1 apples
    stored
sleep 1s
hints
    n1 keeps 1 for n3
held cart/1
    n1: apples
    n2: apples
    n3: (down)

# The node that keeps the hint may die too: the hint was durable before it counted.

kill n1
start n1
hints
    n1 keeps 1 for n3

start n3
sleep 5s
held cart/1
    n1: apples
    n2: apples
    n3: apples
hints
    none
