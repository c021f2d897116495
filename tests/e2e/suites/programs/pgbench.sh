# SPDX-License-Identifier: MIT
# pgbench.sh - PostgreSQL under its own benchmark: every transaction is there, and the sums agree.
as=()
if [ "$(id -u)" = 0 ]; then
	id postgres >/dev/null || exit 0
	as=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
	chmod a+rx "$SUITE_PLACE" .. . && chown postgres .
	# A run directory of its own: that of root is not its.
	[ -z "$TAGALONG_RUN_DIR" ] || { export TAGALONG_RUN_DIR=$PWD/run TAGALONG_FILE=$PWD/spans.jsonl TAGALONG_LOG=$PWD/log; "${as[@]}" mkdir -m 700 run; }
fi
same initdb "${as[@]}" initdb -D data --no-sync -A trust -U bench --locale=C
background "${as[@]}" postgres -D data -p "$SUITE_PORT" -k "$PWD" -c fsync=off -c listen_addresses=127.0.0.1
export PGHOST=127.0.0.1 PGPORT=$SUITE_PORT PGUSER=bench PGDATABASE=postgres
until_there psql -XAtqc 'select 1'
same fill bash -c 'pgbench -i -q -s 2 --unlogged-tables 2>&1 | grep -v -e "^done in" -e elapsed'
facts() { "$@" 2>&1 | grep -E '^(number of transactions actually|number of failed|query mode|number of clients)'; }
for mode in simple extended prepared; do same "$mode" facts pgbench -n -c 4 -j 2 -t 100 -M $mode; done
same select facts pgbench -n -S -c 4 -t 300
same reconnect facts pgbench -n -S -C -c 2 -t 20
is history 1200 psql -XAtqc 'select count(*) from pgbench_history'
is sums t psql -XAtqc 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history) and (select sum(bbalance) from pgbench_branches) = (select sum(tbalance) from pgbench_tellers)'
same copy bash -c "seq 50000 | psql -XAtqc 'create table c(n int); copy c from stdin' && psql -XAtqc 'select sum(n) from c'"
same errors psql -XAtqc 'select 1/0'
same cancel bash -c "timeout -s INT 1 psql -XAtqc 'select pg_sleep(20)'; echo \$?"
same listen bash -c "psql -XAtq -c 'listen a' -c 'notify a' -c 'select 1' | sed 's/PID [0-9]*/PID/'"
same dump bash -c 'pg_dump -s | grep -v "^--\|^.restrict\|^.unrestrict\|^SET" | sha256sum'
