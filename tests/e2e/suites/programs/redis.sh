# SPDX-License-Identifier: MIT
# redis.sh - a server under its own benchmark, its data by its own digest, its file read back.
serve() { background redis-server --port "$SUITE_PORT" --bind 127.0.0.1 --save '' --dir "$PWD" --enable-debug-command yes; }
cli() { redis-cli -h 127.0.0.1 -p "$SUITE_PORT" "$@"; }
serve
until_there redis-cli -h 127.0.0.1 -p "$SUITE_PORT" ping
for number in $(seq 2000); do echo "SET key:$number value$((number * 7))"; echo "LPUSH list:$((number % 9)) $number"; echo "ZADD z $number m$number"; done >commands
same load bash -c "redis-cli -h 127.0.0.1 -p $SUITE_PORT --pipe <commands | tail -n 1"
same digest cli debug digest
is script 5050 cli eval 'local s = 0; for i = 1, 100 do s = s + i end; redis.call("SET", "sum", s); return s' 0
is transaction 'OK
QUEUED
QUEUED
1
2' bash -c "printf 'MULTI\nINCR n\nINCR n\nEXEC\n' | redis-cli -h 127.0.0.1 -p $SUITE_PORT"
is blocking x bash -c "redis-cli -h 127.0.0.1 -p $SUITE_PORT BLPOP waiting 20 | tail -n 1 & sleep 0.5; redis-cli -h 127.0.0.1 -p $SUITE_PORT RPUSH waiting x >/dev/null; wait"
subscribe() {
	redis-cli -h 127.0.0.1 -p "$SUITE_PORT" subscribe news >subscribed &
	until_there bash -c "redis-cli -h 127.0.0.1 -p $SUITE_PORT pubsub numsub news | grep -qx 1"
	cli publish news hello
	until_there grep -qx hello subscribed
	kill $!
	wait $!
	cat subscribed
}
same subscribe subscribe
same benchmark bash -c "redis-benchmark -h 127.0.0.1 -p $SUITE_PORT -n 2000 -c 20 -t set,get,incr,lpush,rpop,sadd,hset,zadd,mset --csv | cut -d, -f1"
same pipelined bash -c "redis-benchmark -h 127.0.0.1 -p $SUITE_PORT -n 5000 -P 16 -r 1000 -t set,get --csv | cut -d, -f1"
is saved OK cli save
is rewritten $'rdb_last_bgsave_status:ok\r' bash -c "redis-cli -h 127.0.0.1 -p $SUITE_PORT bgsave >/dev/null; while redis-cli -h 127.0.0.1 -p $SUITE_PORT info persistence | grep -q rdb_bgsave_in_progress:1; do sleep 0.1; done; redis-cli -h 127.0.0.1 -p $SUITE_PORT info persistence | grep -a rdb_last_bgsave_status"
cli debug digest >before
cli shutdown save >/dev/null 2>&1
serve
until_there redis-cli -h 127.0.0.1 -p "$SUITE_PORT" ping
until_there bash -c "redis-cli -h 127.0.0.1 -p $SUITE_PORT dbsize | grep -q [0-9]"
is read_back "$(cat before)" cli debug digest
