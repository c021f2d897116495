# SPDX-License-Identifier: MIT
# make.sh - gcc and make at a real project: the host's half of this one, by a Makefile of the script's own.
ROOT=$HERE/../../../..
mkdir src && cp -r "$ROOT/runtime" src/ && cd src || exit 1
cat >Makefile <<'M'
SOURCES := $(sort $(wildcard runtime/protocol/*.c runtime/wire/*.c))
OBJECTS := $(SOURCES:.c=.o)
FLAGS := -std=gnu11 -D_GNU_SOURCE -DTA_VERSION='"x"' -O1 -I. -fPIC
all.so: $(OBJECTS)
	$(CC) -shared -o $@ $^
%.o: %.c
	@$(CC) $(FLAGS) -MD -c -o $@ $<
clean:
	rm -f $(OBJECTS) all.so
-include $(OBJECTS:.o=.d)
M
same build bash -c 'make -j2 2>&1 | tail -n 1 | cut -c 1-40'
same objects bash -c 'sha256sum all.so $(find runtime -name "*.o" | sort) | sha256sum; find runtime -name "*.o" | wc -l'
same nothing_to_do make
touch runtime/wire/config.h
same again bash -c 'make -j4 >/dev/null; echo $?; sha256sum all.so'
echo 'int broken(' >>runtime/wire/config.c
same broken bash -c 'make -j2 -k >out 2>&1; echo $?; grep -c "error:" out'
same dry_run bash -c 'make -n clean | wc -l'
same clean bash -c 'make clean >/dev/null; find . -name "*.o" | wc -l'
cat >small.mk <<'M'
all: one two ; @echo $(shell seq 3) done
one two: ; @echo $@
M
same shell bash -c 'make -s -j3 -f small.mk all | sort'
