# SPDX-License-Identifier: MIT
# sqlite.sh - a database file under several writers.
same make sqlite3 base 'PRAGMA journal_mode=WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, who INT, n INT);'
is fill '20000|200010000' sqlite3 base 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<20000) INSERT INTO t(who,n) SELECT 0,x FROM c; SELECT count(*),sum(n) FROM t;'
writer() {
	for number in $(seq 40); do
		sqlite3 -cmd '.timeout 20000' base "INSERT INTO t(who,n) VALUES($1,$number);" || echo "writer $1 failed"
	done
}
export -f writer
same writers bash -c 'for who in 1 2 3 4; do writer $who & done; wait'
is counted '1|40|820
2|40|820
3|40|820
4|40|820' sqlite3 base 'SELECT who,count(*),sum(n) FROM t WHERE who>0 GROUP BY who ORDER BY who'
is sound ok sqlite3 base 'PRAGMA integrity_check'
same dump bash -c 'sqlite3 base "SELECT who,n FROM t ORDER BY who,n" | sha256sum'
is backup '20160
ok' bash -c 'sqlite3 base ".backup copy" && sqlite3 copy "SELECT count(*) FROM t; PRAGMA integrity_check"'
is vacuum 1 sqlite3 base 'VACUUM; SELECT page_count > 0 FROM pragma_page_count'
fails wrong 1 sqlite3 base 'SELECT nothing FROM nowhere'
