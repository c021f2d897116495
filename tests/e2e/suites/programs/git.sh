# SPDX-License-Identifier: MIT
# git.sh - a history, its transports, its pack files.
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
git config --global init.defaultBranch main
git config --global advice.detachedHead false
same init git init -q one
cd one
for number in $(seq 30); do
	seq "$number" $((number * 50)) >"file$((number % 7))"
	git add . && git commit -q -m "step $number"
done
same log git log --format=%H
same blame git blame -s file3
git checkout -q -b side HEAD~5
echo side >other && git add other && git commit -q -m side
same merge git merge -q --no-edit main
same rebase git rebase -q main
fails conflict 1 bash -c 'git checkout -q main && echo main >other && git add other && git commit -q -m clash && git merge side'
same abort git merge --abort
same gc git gc -q --prune=now
same fsck git fsck --full --strict
is commits 31 git rev-list --count side
same stash bash -c 'echo more >>file1; git stash -q; git stash pop -q; git diff --stat; git checkout -q file1'
same archive bash -c 'git archive HEAD | sha256sum'
same bundle bash -c 'git bundle create -q ../b HEAD main && git bundle verify -q ../b && git clone -q -b main ../b ../from-bundle'
fails hooks 1 bash -c 'printf "#!/bin/sh\necho hook ran; exit 1\n" >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; git commit --allow-empty -m no'
rm .git/hooks/pre-commit
same grep git grep -c 1 HEAD
is bisect "$(git log --format=%H --grep 'step 21$' main)" bash -c 'git bisect start HEAD HEAD~20 >/dev/null; git bisect run sh -c "! grep -qx 1000 file0" >/dev/null; git rev-parse bisect/bad; git bisect reset >/dev/null 2>&1'
cd ..
same clone git clone -q file://"$PWD"/one two
background git daemon --reuseaddr --listen=127.0.0.1 --port="$SUITE_PORT" --base-path="$PWD" --export-all --enable=receive-pack "$PWD"
until_there listens "$SUITE_PORT"
same daemon_clone git clone -q git://127.0.0.1:"$SUITE_PORT"/one three
same daemon_fetch git -C three fetch -q
same shallow git clone -q --depth 2 git://127.0.0.1:"$SUITE_PORT"/one four
same bare git init -q --bare five
same push git -C three push -q git://127.0.0.1:"$SUITE_PORT"/five main
is pushed "$(git -C one rev-parse main)" git -C five rev-parse main
same worktrees bash -c 'for name in two three; do git -C $name rev-parse HEAD; git -C $name status --porcelain; done'
