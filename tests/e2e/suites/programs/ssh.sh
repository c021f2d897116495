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
until_there listens "$SUITE_PORT"
OPTIONS="-F none -i $PWD/userkey -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=$PWD/known -o IdentitiesOnly=yes -o LogLevel=ERROR"
there() { ssh $OPTIONS -p "$SUITE_PORT" "$@"; }
HOST=$(id -un)@127.0.0.1
is hello hello there "$HOST" echo hello
same status there "$HOST" 'echo out; echo err >&2; exit 7'
same killed there "$HOST" 'kill -TERM $$'
same terminal there -tt "$HOST" 'test -t 0 && echo a terminal; stty -a | grep -o isig'
same large bash -c "$(declare -f there); OPTIONS='$OPTIONS'; head -c 5000000 /dev/zero | there $HOST 'cat' | cksum"
same copy_there scp -q $OPTIONS -P "$SUITE_PORT" sshd.conf "$HOST:$PWD/copied"
same copied cmp sshd.conf copied
same copy_back scp -q -r $OPTIONS -P "$SUITE_PORT" "$HOST:$PWD/copied" back
printf 'put sshd.conf by-sftp\nrename by-sftp by-sftp-2\nls by*\nmkdir d\nchmod 700 d\nrmdir d\nget by-sftp-2 got\nbye\n' >batch
same sftp bash -c "sftp -q $OPTIONS -P $SUITE_PORT -b batch $HOST:$PWD | grep -v '^sftp>' ; cmp got sshd.conf"
background ssh $OPTIONS -p "$SUITE_PORT" -N -L "127.0.0.1:$SUITE_PORT2:127.0.0.1:$SUITE_PORT" "$HOST"
until_there listens "$SUITE_PORT2"
is forwarded through ssh $OPTIONS -o HostKeyAlias=x -p "$SUITE_PORT2" "$HOST" echo through
same many bash -c "$(declare -f there); OPTIONS='$OPTIONS'; for i in 1 2 3 4 5 6; do there $HOST echo \$i & done | sort; wait"
same scanned bash -c "ssh-keyscan -t ed25519 -p $SUITE_PORT 127.0.0.1 2>/dev/null | wc -l"
