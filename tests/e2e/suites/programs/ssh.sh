# SPDX-License-Identifier: MIT
# ssh.sh - client and server: commands, terminals, copies, forwarded ports.
[ "$(id -u)" = 0 ] && mkdir -p /run/sshd
for name in hostkey userkey; do ssh-keygen -q -t ed25519 -N '' -C '' -f $name; done
cat >sshd.conf <<C
ListenAddress 127.0.0.1
Port $SUITE_PORT
HostKey $PWD/hostkey
PidFile none
AuthorizedKeysFile $PWD/userkey.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
Subsystem sftp internal-sftp
C
background "$(command -v sshd)" -D -e -f sshd.conf
server=$!
until_there listens "$SUITE_PORT"
OPTIONS="-F none -i $PWD/userkey -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=$PWD/known -o IdentitiesOnly=yes -o LogLevel=ERROR"
there() { ssh $OPTIONS -p "$SUITE_PORT" "$@"; }
HOST=$(id -un)@127.0.0.1
# Whoever says nothing is served by a child in a sandbox (seccomp) until it does: the library is in there as it is in
# its parent, and the child waits for the client all the same.
sandboxed() {
	exec 9<>"/dev/tcp/127.0.0.1/$SUITE_PORT"
	printf 'SSH-2.0-nothing\r\n' >&9
	until_there in_sandbox "$server"
	in_sandbox "$server"
	exec 9<&-
	until_there eval '! in_sandbox "$server"'
}
[ "$(id -u)" != 0 ] || is sandboxed 'the library as in the parent' sandboxed
is hello hello there "$HOST" echo hello
fails status 7 there "$HOST" 'echo out; echo err >&2; exit 7'
fails killed 255 there "$HOST" 'kill -TERM $$'
same terminal there -tt "$HOST" 'test -t 0 && echo a terminal; stty -a | grep -o isig'
is large "$(head -c 5000000 /dev/zero | cksum)" bash -c "$(declare -f there); OPTIONS='$OPTIONS'; head -c 5000000 /dev/zero | there $HOST 'cat' | cksum"
same copy_there scp -q $OPTIONS -P "$SUITE_PORT" sshd.conf "$HOST:$PWD/copied"
same copied cmp sshd.conf copied
same copy_back scp -q -r $OPTIONS -P "$SUITE_PORT" "$HOST:$PWD/copied" back
printf 'put sshd.conf by-sftp\nrename by-sftp by-sftp-2\nls by*\nmkdir d\nchmod 700 d\nrmdir d\nget by-sftp-2 got\nbye\n' >batch
same sftp bash -c "sftp -q $OPTIONS -P $SUITE_PORT -b batch $HOST:$PWD | grep -v '^sftp>' ; cmp got sshd.conf"
background ssh $OPTIONS -p "$SUITE_PORT" -N -L "127.0.0.1:$SUITE_PORT2:127.0.0.1:$SUITE_PORT" "$HOST"
until_there listens "$SUITE_PORT2"
is forwarded through ssh $OPTIONS -o HostKeyAlias=x -p "$SUITE_PORT2" "$HOST" echo through
is many '1
2
3
4
5
6' bash -c "$(declare -f there); OPTIONS='$OPTIONS'; for i in 1 2 3 4 5 6; do there $HOST echo \$i & done | sort; wait"
is scanned 1 bash -c "ssh-keyscan -t ed25519 -p $SUITE_PORT 127.0.0.1 2>/dev/null | wc -l"
