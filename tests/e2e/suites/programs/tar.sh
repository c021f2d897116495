# SPDX-License-Identifier: MIT
# tar.sh - archives through pipes and compressors, there and back.
mkdir -p from/deep
for number in $(seq 300); do seq "$number" $((number * 30)) >"from/f$number"; done
ln -s ../f1 from/deep/link && ln from/f2 from/deep/hard
truncate -s 5M from/hole
find from -exec touch -h -d 2026-01-01 {} +
FIX='--sort=name --owner=0 --group=0 --numeric-owner'
sum() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2 | sha256sum); }
export -f sum
same create bash -c "tar $FIX -cf one.tar from && sha256sum <one.tar"
for how in gzip:z bzip2:j xz:J zstd:-zstd; do
	command -v "${how%:*}" >/dev/null || continue
	same "${how%:*}" bash -c "mkdir to-${how%:*}; tar $FIX -${how#*:} -cf - from | tar -${how#*:} -xf - -C to-${how%:*} && sum to-${how%:*}"
done
same sparse bash -c 'tar -Scf - from/hole | wc -c'
same append bash -c 'cp one.tar two.tar; tar -rf two.tar from/f1; tar -tf two.tar | sort | uniq -d'
same compare tar -df one.tar
same cut bash -c 'head -c 100000 one.tar | tar -tf - | tail -n 1'
same checkpoint bash -c "tar $FIX --checkpoint=100 --checkpoint-action=exec='sh -c \"echo \$TAR_CHECKPOINT\"' -cf /dev/null from"
same pigz_like bash -c 'gzip -c one.tar | tee >(sha256sum >sum1) | gzip -d | sha256sum; wait; sleep 0.2; cut -c 1-2 sum1 | wc -l'
same split bash -c 'split -b 65536 one.tar piece. && cat piece.* | cmp - one.tar && ls piece.* | wc -l'
same to_command bash -c "tar -xf one.tar --to-command='wc -c' | sort -n | sha256sum"
