# SPDX-License-Identifier: MIT
# make.sh - a real project from its source: gzip is configured, compiled, and passes its own tests; then make itself.
SOURCE=$HERE/../.sources/gzip
[ -d "$SOURCE" ] || cannot "tests/e2e/suites/sources has not fetched gzip"
cp -a "$SOURCE" gzip && cd gzip || exit 1
unset MAKEFLAGS MAKELEVEL
same configure bash -c './configure --quiet CFLAGS=-O1 && sha256sum lib/config.h'
same compile bash -c 'make -s -j2 >out 2>&1 || cat out; ls *.o lib/*.o | wc -l; sha256sum <gzip'
is runs 'hello' bash -c 'echo hello | ./gzip -9 | ./gzip -d'
# Its tests are scripts, full of pipes and signals; each is one of ours.  list-big only takes its time: it compresses
# four gigabytes.
sed -i '/^[[:space:]]*list-big[[:space:]\\]*$/d' tests/Makefile
make -s -j2 check >checked 2>&1
echo $? >status
is check_status 0 cat status
is check_count 25 grep -c '^PASS: ' checked
for name in $(sed -n 's/^\(PASS\|FAIL\|ERROR\|SKIP\|XFAIL\|XPASS\): //p' checked | sort); do
	is "check/$name" "PASS: $name" grep -E "^[A-Z]+: $name\$" checked
done
same checked bash -c 'sed -n "s/^# \([A-Z]*:\)/\1/p" tests/test-suite.log'

is nothing_to_do "" bash -c 'find . -newer status -name "*.o"; make -s -j2 >/dev/null; find . -newer status -name "*.o"'
touch bits.c lib/xalloc.h
same again bash -c 'make -s -j4 >/dev/null 2>&1; find . -newer status -name "*.o" | sort; sha256sum <gzip'
echo 'int broken(' >>util.c
is broken '2
1' bash -c 'make -s -k -j2 >out 2>&1; echo $?; grep -c "util.c.*error: expected" out'
same dry_run bash -c 'make -n clean | wc -l'
is clean 0 bash -c 'make -s clean >/dev/null 2>&1; find . -name "*.o" | wc -l'
cat >small.mk <<'M'
all: one two ; @echo $(shell seq 3) done
one two: ; @echo $@
fail: ; @exit 3
M
is shell '1 2 3 done
one
two' bash -c 'make -s -j3 -f small.mk all | sort'
is failed 2 bash -c 'make -s -f small.mk fail 2>out; echo $?; grep -q "Error 3" out'
