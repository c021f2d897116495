# SPDX-License-Identifier: MIT
# vsftpd.sh - an FTP server with its sandbox on (seccomp): whatever it may do it does with the library in it, too.
# Debian's 3.0.3 is killed by its own sandbox, also without us, when it looks at a file or a directory: glibc calls
# newfstatat, which the sandbox does not know.  That has to be so in all modes; transfers are in tests/e2e/test_sandbox.py,
# with the sandbox off.
[ "$(id -u)" = 0 ] || cannot "needs to be root"
mkdir -p root/pub empty && seq 1000 >root/pub/file
chmod 755 "$SUITE_PLACE" . root root/pub empty
cat >conf <<C
listen=YES
listen_ipv6=NO
listen_address=127.0.0.1
listen_port=$SUITE_PORT
background=NO
anonymous_enable=YES
local_enable=NO
no_anon_password=YES
anon_root=$PWD/root
secure_chroot_dir=$PWD/empty
ftp_username=daemon
nopriv_user=nobody
pasv_address=127.0.0.1
xferlog_enable=NO
seccomp_sandbox=YES
C
cat >talk.py <<'P'
import ftplib, re, sys
def talk(*commands):
    client = ftplib.FTP()
    try:
        client.connect("127.0.0.1", int(sys.argv[1]), timeout=20)
        yield client.login()
        for command in commands:
            yield re.sub(r"\d+,\d+\)|(?<=client count was )\d+", "N", client.sendcmd(command))
        yield client.quit()
    except (EOFError, ConnectionError):
        yield "killed"
    except ftplib.error_perm as problem:  # the parent may have the time to tell of the child
        yield "killed" if "OOPS" in str(problem) else str(problem)
print("\n".join(talk(*sys.argv[2:])))
P
background vsftpd conf
server=$!
until_there listens "$SUITE_PORT"
talk() { python3 talk.py "$SUITE_PORT" "$@"; }
sandboxed() {
	exec 9<>"/dev/tcp/127.0.0.1/$SUITE_PORT"
	read -r said <&9
	echo "${said%%(*}"
	until_there in_sandbox "$server"
	in_sandbox "$server"
	exec 9<&-
	until_there eval '! in_sandbox "$server"'
}
is sandboxed $'220 \nthe library as in the parent' sandboxed
for command in NOOP PWD 'CWD pub' 'CWD nowhere' 'TYPE I' SYST FEAT PASV STAT 'REST 5' HELP; do same "${command// /_}" talk "$command"; done
is several '230 Login successful.
250 Directory successfully changed.
257 "/pub" is the current directory
250 Directory successfully changed.
221 Goodbye.' talk 'CWD pub' PWD CDUP
many() { for number in 1 2 3 4 5 6 7 8; do talk NOOP & done | sort | uniq -c | tr -s ' '; wait; }
is many ' 8 200 NOOP ok.
 8 221 Goodbye.
 8 230 Login successful.' many
for command in 'SIZE pub/file' 'MDTM pub/file'; do same "killed_${command%% *}" talk "$command"; done
