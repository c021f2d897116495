# SPDX-License-Identifier: MIT
# tar.sh - archives through pipes and compressors, there and back.
mkdir -p from/deep
for number in $(seq 300); do seq "$number" $((number * 30)) >"from/f$number"; done
ln -s ../f1 from/deep/link && ln from/f2 from/deep/hard
truncate -s 5M from/hole
find from -exec touch -h -d 2026-01-01 {} +
FIX='--sort=name --owner=0 --group=0 --numeric-owner'
sum() { (cd "$1" && find from -type f -exec sha256sum {} + | sort -k 2 | sha256sum); }
export -f sum
same create bash -c "tar $FIX -cf one.tar from && sha256sum <one.tar"
sum . >truth
for how in gzip:z bzip2:j xz:J zstd:-zstd; do
	command -v "${how%:*}" >/dev/null || continue
	is "${how%:*}" "$(cat truth)" bash -c "mkdir to-${how%:*}; tar $FIX -${how#*:} -cf - from | tar -${how#*:} -xf - -C to-${how%:*} && sum to-${how%:*}"
done
is sparse 10240 bash -c 'tar -Scf - from/hole | wc -c'
is append from/f1 bash -c 'cp one.tar two.tar; tar -rf two.tar from/f1; tar -tf two.tar | sort | uniq -d'
is compare '' tar -df one.tar
same cut bash -c 'head -c 100000 one.tar | tar -tf - | tail -n 1'
same checkpoint bash -c "tar $FIX --checkpoint=100 --checkpoint-action=exec='sh -c \"echo \$TAR_CHECKPOINT\"' -cf /dev/null from"
is tee "$(sha256sum <one.tar)" bash -c 'gzip -c one.tar | tee >(sha256sum >sum1) | gzip -d | sha256sum'
until_there test -s sum1
is tee_other "$(gzip -c one.tar | sha256sum)" cat sum1
is split "$((($(stat -c %s one.tar) + 65535) / 65536))" bash -c 'split -b 65536 one.tar piece. && cat piece.* | cmp - one.tar && ls piece.* | wc -l'
is to_command "$(find from -type f ! -name hard -printf '%s\n' | sort -n | sha256sum)" bash -c "tar -xf one.tar --to-command='wc -c' | sort -n | sha256sum"
