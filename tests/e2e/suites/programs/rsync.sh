# SPDX-License-Identifier: MIT
# rsync.sh - copies of a tree, local, by a daemon, with deletions and with hard and symbolic links.
tree() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2; find . ! -type f -printf '%p %y %l %m\n' | sort); }
mkdir -p from/deep/er
for number in $(seq 200); do seq "$number" $((number * 20)) >"from/f$number"; done
head -c 3000000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null >from/deep/large
ln -s ../f1 from/deep/link && ln from/f2 from/deep/er/hard
same local rsync -aH from/ to/
same equal bash -c "$(declare -f tree); diff <(tree from) <(tree to) && tree from"
rm from/f1? && echo more >>from/f3 && echo changed >>from/deep/large
same again rsync -aHi --delete --no-whole-file from/ to/
cat >conf <<C
use chroot = no
uid = $(id -un)
gid = $(id -gn)
address = 127.0.0.1
port = $SUITE_PORT
pid file = $PWD/pid
[area]
path = $PWD/area
read only = no
C
mkdir area
background rsync --daemon --no-detach --config=conf
until_there listens "$SUITE_PORT"
same push rsync -a from/ rsync://127.0.0.1:"$SUITE_PORT"/area/
same pull rsync -a rsync://127.0.0.1:"$SUITE_PORT"/area/ back/
is pulled equal bash -c "$(declare -f tree); diff <(tree from) <(tree back) && echo equal"
same list rsync --list-only --out-format=%n rsync://127.0.0.1:"$SUITE_PORT"/
fails wrong 5 rsync -a rsync://127.0.0.1:"$SUITE_PORT"/nothing/ nowhere/
same slow rsync -a --bwlimit=20000 from/deep/large rsync://127.0.0.1:"$SUITE_PORT"/area/slow
same slow_is_there cmp from/deep/large area/slow
