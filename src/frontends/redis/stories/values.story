# values are set, read and deleted

SET fruit apple
    +OK
GET fruit
    $5
    apple
GET nothing
    $-1
STRLEN fruit
    :5
TYPE fruit
    +string
TYPE nothing
    +none

# Bytes are bytes, and an empty value is a value.

SET "\x00\xff\r\n" ""
    +OK
GET "\x00\xff\r\n"
    $0
    
EXISTS "\x00\xff\r\n"
    :1
SET blob "a\r\nb"
    +OK
GET blob
    $4
    a
    b

# DEL answers how many of the keys there were; one that is named twice is deleted once.

DEL fruit nothing fruit
    :1
UNLINK fruit
    :0
GET fruit
    $-1

MSET a 1 b 2 a 3
    +OK
MGET a nothing b
    *3
    $1
    3
    $-1
    $1
    2
EXISTS a a b nothing
    :3
GETDEL a
    $1
    3
GETDEL a
    $-1
