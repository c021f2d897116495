# SPDX-License-Identifier: MIT
"""test_sandbox.py - servers that lock their children in: they work as without, and their spans come out."""

import ftplib
import os
import pwd
import shutil
import signal
import subprocess
import time

from lib import SERVER, Skip, check, exchange, free_port, need_program, need_root, request, wait_until
import test_truth_http


def both_ways(work):
    """The same work plain and preloaded; what the client sees has to be the same."""
    def test(home):
        plain = work(home, "plain", free_port())
        traced = work(home, "preload", free_port())
        check(plain == traced, f"plain {plain!r}, traced {traced!r}")
    return test


def sshd_work(home, mode, port):
    need_root()
    sshd, ssh = need_program("sshd"), need_program("ssh")
    user = pwd.getpwuid(os.geteuid()).pw_name
    made = not os.path.isdir("/run/sshd")
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    try:
        for name in ("hostkey", "userkey"):
            if not os.path.exists(home.path(name)):
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home.path(name)], check=True)
        shutil.copy(home.path("userkey.pub"), home.path("authorized"))
        config = home.write("sshd.conf", f"""
ListenAddress 127.0.0.1
Port {port}
HostKey {home.dir}/hostkey
PidFile {home.dir}/sshd.pid
AuthorizedKeysFile {home.dir}/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
""")
        server = home.start([sshd, "-D", "-e", "-f", config], mode=mode, port=port)
        seen = []
        for command in ("echo hello; exit 7", "cat /proc/self/comm", "head -c 1000000 /dev/zero | cksum"):
            done = subprocess.run([ssh, "-F", "none", "-p", str(port), "-i", home.path("userkey"), "-o", "BatchMode=yes",
                                   "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={home.dir}/known-{port}",
                                   "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR",
                                   f"{user}@127.0.0.1", command], capture_output=True, timeout=30)
            seen.append((done.returncode, done.stdout, done.stderr))
        # A client that says nothing sensible: ends in the pre-auth child.
        exchange(port, b"SSH-2.0-nonsense\r\n" + b"\0" * 100, shut=True)
        time.sleep(0.3)
        home.stop(server)
    finally:
        if made:
            try:
                os.rmdir("/run/sshd")
            except OSError:
                pass
    check(seen[0][:2] == (7, b"hello\n"), f"login: {seen[0]} {home.tail(server)}")
    if mode != "plain":
        spans = [span for span in home.spans(well_formed=True) if span.kind == SERVER]
        home.note(f"{len(spans)} connection spans of 4 connections")
        check(len({span.attrs.get('network.peer.port') for span in spans}) >= 4, f"{len(spans)} connection spans")
    return seen


def vsftpd_work(home, mode, port):
    need_root()
    # Without its seccomp sandbox, which kills it at the first file, also without us: suites/programs/vsftpd.sh has it on.
    program = need_program("vsftpd")
    os.makedirs(home.path("empty/x")[:-2], exist_ok=True)
    os.makedirs(home.path("ftp/pub/x")[:-2], exist_ok=True)
    with open(home.path("ftp/pub/file.txt"), "w") as stream:
        stream.write("content\n" * 1000)
    for name in ("ftp", "ftp/pub", "empty"):
        os.chmod(home.path(name), 0o755)
    config = home.write("vsftpd.conf", f"""
listen=YES
listen_ipv6=NO
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
local_enable=NO
no_anon_password=YES
anon_root={home.dir}/ftp
secure_chroot_dir={home.dir}/empty
ftp_username=daemon
nopriv_user=nobody
pasv_address=127.0.0.1
xferlog_enable=NO
seccomp_sandbox=NO
""")
    server = home.start([program, config], mode=mode, port=port)
    seen = []
    for _ in range(3):
        client = ftplib.FTP()
        client.connect("127.0.0.1", port, timeout=15)
        lines, data = [], []
        seen.append(client.login())
        client.cwd("pub")
        client.retrlines("NLST", lines.append)
        client.retrbinary("RETR file.txt", data.append)
        seen.append((lines, len(b"".join(data)), client.quit()))
    time.sleep(0.3)
    home.stop(server)
    if mode != "plain":
        spans = [span for span in home.spans() if span.kind == SERVER and span.attrs.get("network.local.port") == port]
        home.note(f"{len(spans)} spans of 3 control connections")
        check(len({span.attrs.get('network.peer.port') for span in spans}) == 3, f"{len(spans)} spans of 3 control connections")
    return seen


def haproxy_work(home, mode, port):
    need_root()
    program = need_program("haproxy")
    # nginx is plain here: what is looked at is haproxy
    back, back_port = test_truth_http.start_nginx(home, mode="plain")
    os.makedirs(home.path("jail/x")[:-2], exist_ok=True)
    config = home.write("haproxy.conf", f"""
global
	nbthread 2
	user nobody
	group nogroup
	chroot {home.dir}/jail
	log {home.dir}/none local0
defaults
	mode http
	timeout connect 5s
	timeout client 10s
	timeout server 10s
frontend f
	bind 127.0.0.1:{port}
	default_backend b
backend b
	server s 127.0.0.1:{back_port}
""".replace(f"\tlog {home.dir}/none local0\n", ""))
    server = home.start([program, "-db", "-f", config], mode=mode, port=port)
    truth, seen = [], []
    for number in range(300):
        target = f"/small.txt?{number}" if number % 3 else f"/missing/{number}"
        answer = exchange(port, request("GET", target))
        status = int(answer.split()[1])
        truth.append(("GET", target, status))
        seen.append(status)
    time.sleep(0.3)
    home.stop(server)
    home.stop(back, signal.SIGQUIT)
    if mode != "plain":
        test_truth_http.verdict(home, truth)
    return seen


TESTS = [("sandbox/sshd", both_ways(sshd_work)), ("sandbox/vsftpd", both_ways(vsftpd_work)),
         ("sandbox/haproxy", both_ways(haproxy_work))]
