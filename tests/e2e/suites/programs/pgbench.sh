# SPDX-License-Identifier: MIT
# pgbench.sh - PostgreSQL under its own benchmark: every transaction is there, and the sums agree.
as=()
if [ "$(id -u)" = 0 ]; then
	id postgres >/dev/null || cannot "there is no user postgres"
	as=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
	chmod a+rx "$SUITE_PLACE" .. . && chown postgres .
	# A run directory of its own, for server and clients: that of root is not theirs, and theirs not root's.
	if [ -n "$TAGALONG_RUN_DIR" ]; then
		install -d -o postgres -g postgres -m 700 run
		as=(env "TAGALONG_RUN_DIR=$PWD/run" "TAGALONG_FILE=$PWD/tagalong.jsonl" "TAGALONG_LOG=$PWD/log" "${as[@]}")
	fi
fi
export HOME=$PWD
# psql SQL, as the user that everything here is; as_user COMMAND...
ask() { "${as[@]}" psql -XAtqc "$@"; }
as_user() { "${as[@]}" "$@"; }
same initdb "${as[@]}" initdb -D data --no-sync -A trust -U bench --locale=C
background "${as[@]}" postgres -D data -p "$SUITE_PORT" -k "$PWD" -c fsync=off -c listen_addresses=127.0.0.1
export PGHOST=127.0.0.1 PGPORT=$SUITE_PORT PGUSER=bench PGDATABASE=postgres
until_there ask 'select 1'
same fill as_user bash -c 'set -o pipefail; pgbench -i -q -s 2 --unlogged-tables 2>&1 | grep -v -e "^done in" -e elapsed'
facts() { "${as[@]}" "$@" >facts 2>&1 || return; grep -E '^(number of transactions actually|number of failed|query mode|number of clients)' facts; }
answer() { printf '%s\n' "query mode: $1" "number of clients: $2" "number of transactions actually processed: $3/$3" "number of failed transactions: 0 (0.000%)"; }
for mode in simple extended prepared; do is "$mode" "$(answer $mode 4 400)" facts pgbench -n -c 4 -j 2 -t 100 -M $mode; done
is select "$(answer simple 4 1200)" facts pgbench -n -S -c 4 -t 300
is reconnect "$(answer simple 2 40)" facts pgbench -n -S -C -c 2 -t 20
is history 1200 ask 'select count(*) from pgbench_history'
is sums t ask 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history) and (select sum(bbalance) from pgbench_branches) = (select sum(tbalance) from pgbench_tellers)'
is copy 1250025000 as_user bash -c "seq 50000 | psql -XAtqc 'create table c(n int); copy c from stdin' && psql -XAtqc 'select sum(n) from c'"
fails errors 1 ask 'select 1/0'
is error_text 'ERROR:  division by zero' as_user bash -c "psql -XAtqc 'select 1/0' 2>&1; true"
# The query is there before it is cancelled.
cancel() {
	"${as[@]}" psql -XAtqc 'select pg_sleep(100)' >cancelled 2>&1 &
	until_there eval "ask \"select count(*) from pg_stat_activity where query = 'select pg_sleep(100)' and wait_event = 'PgSleep'\" | grep -qx 1"
	kill -INT $!
	wait $!
	echo "$?"
	cat cancelled
}
is cancel '1
Cancel request sent
ERROR:  canceling statement due to user request' cancel
is listen '1
Asynchronous notification "a" received from server process with PID.' as_user bash -c "psql -XAtq -c 'listen a' -c 'notify a' -c 'select 1' | sed 's/ PID [0-9]*/ PID/' | sort"
same dump as_user bash -c 'set -o pipefail; pg_dump -s | grep -v "^--\|^.restrict\|^.unrestrict\|^SET" | sha256sum'
# One that dies takes the others' work with it; the server comes back by itself.
crash() {
	"${as[@]}" psql -XAtqc 'select pg_sleep(100)' >/dev/null 2>&1 &
	until_there eval "ask \"select count(*) from pg_stat_activity where wait_event = 'PgSleep'\" | grep -qx 1"
	"${as[@]}" kill -KILL "$(ask "select pid from pg_stat_activity where wait_event = 'PgSleep'")"
	wait $!
	echo "$?"
	until_there ask 'select 1'
	ask 'select count(*) from c'
}
is crash '2
50000' crash
