# SPDX-License-Identifier: MIT
"""The Debian package: what is in it, installed by dpkg, used from there, and gone without a trace."""

import gzip
import os
import re
import shutil
import subprocess

import made
from lib import Skip, check, need_program

WANTED = """bin/tagalong lib/ARCH/libtagalong.so libexec/tagalong/tagalong-stacks include/tagalong.h
lib/ARCH/pkgconfig/tagalong.pc lib/ARCH/cmake/tagalong/tagalongConfig.cmake
lib/ARCH/cmake/tagalong/tagalongConfigVersion.cmake
share/man/man1/tagalong.1.gz share/man/man7/tagalong.7.gz share/man/man3/libtagalong.3.gz share/man/man3/tagalong.3.gz
share/bash-completion/completions/tagalong share/zsh/vendor-completions/_tagalong
share/doc/tagalong/copyright share/doc/tagalong/changelog.gz share/doc/tagalong/changelog.Debian.gz""".split()

SERVE = """
mkdir /tmp/www
echo hello >/tmp/www/index.html
chmod -R a+rX /tmp/www
cat >/tmp/nginx.conf <<CONF
daemon off; worker_processes 2; pid /tmp/nginx.pid; error_log stderr; user root;
events { worker_connections 64; }
http { access_log /tmp/access.log; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f;
uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s; server { listen unix:/tmp/nginx.sock; root /tmp/www; } }
CONF
cd /tmp
PRELOAD tagalong RUN nginx -c /tmp/nginx.conf 2>/tmp/said &
pid=$!
for i in $(seq 200); do [ -S /tmp/nginx.sock ] && break; sleep 0.1; done
curl -sS --unix-socket /tmp/nginx.sock http://shop/ http://shop/missing >/dev/null
kill -QUIT $(cat /tmp/nginx.pid)
wait $pid
"""


def dpkg(*arguments):
    return subprocess.run(["dpkg-deb", *arguments], check=True, capture_output=True, text=True).stdout


def multiarch():
    return subprocess.run(["dpkg-architecture", "-qDEB_HOST_MULTIARCH"], check=True, capture_output=True,
                          text=True).stdout.strip()


def contents(home):
    """What has to be in it is, with the owners and modes of packages, and the sums are right."""
    package = made.deb(home)
    listed = dpkg("--contents", package)
    names = {line.split(" ./", 1)[1].rstrip("/") for line in listed.splitlines() if " ./" in line}
    missing = [name for name in WANTED if "usr/" + name.replace("ARCH", multiarch()) not in names]
    check(not missing, f"missing: {missing}")
    check(all(" root/root " in line for line in listed.splitlines()), "not all files are root's")
    check(not re.search(r"^-....w|^-.......w", listed, re.M), "others may write")
    dpkg("--raw-extract", package, home.path("raw"))
    done = subprocess.run(["md5sum", "--quiet", "-c", "DEBIAN/md5sums"], cwd=home.path("raw"), capture_output=True, text=True)
    check(done.returncode == 0, done.stdout + done.stderr)
    summed = len(open(home.path("raw/DEBIAN/md5sums")).read().splitlines())
    check(summed == sum(line.startswith("-") for line in listed.splitlines()), "files without a sum")


def depends(home):
    """Depends names the package of every library that the programs need, and nothing stands for what is only loaded."""
    field = dpkg("--field", made.deb(home), "Depends")
    for name in ("libc6 (>=", "libcjson1", "libdw1", "libelf1", "zlib1g"):
        check(name in field, f"no {name} in {field}")
    check("curl" not in field and "curl" in dpkg("--field", made.deb(home), "Recommends"), "libcurl is recommended")


def installed(home):
    """dpkg installs it; `tagalong nginx` and a preload without a path work from there; purging leaves nothing."""
    need_program("nginx")
    need_program("curl")
    run = SERVE.replace("PRELOAD ", "").replace("RUN", "")
    bare = run.replace("tagalong  nginx", "env LD_PRELOAD=libtagalong.so TAGALONG_FILE=/tmp/bare.jsonl nginx")
    kept = "|".join(made.KEPT_BY_DPKG)
    said = made.in_root(home, f"""
dpkg -i /tmp/given/tagalong_*.deb >/tmp/dpkg.log 2>&1 || {{ cat /tmp/dpkg.log; exit 1; }}
! dpkg --verify tagalong | grep .
command -v tagalong
(cd $LAYER && find . -type f ! -path './tmp/*' | grep -c tagalong | sed 's/^/installed /')
tagalong --version
tagalong doctor >/tmp/doctor || {{ cat /tmp/doctor; exit 1; }}
{run}
tagalong show /tmp/tagalong.jsonl
rm -rf /tmp/www /tmp/nginx.sock
{bare}
for i in $(seq 100); do [ -s /tmp/bare.jsonl ] && break; sleep 0.1; done
tagalong show /tmp/bare.jsonl | sed 's/^/bare: /'
man -w 1 tagalong >/dev/null && man -w 7 tagalong >/dev/null && man -w 3 libtagalong >/dev/null
[ -z "$(man 3 tagalong | head -1 | grep -v LIBTAGALONG)" ]
printf '#include <tagalong.h>\\nint main(void) {{ TAGALONG_SPAN("x") {{ }} return 0; }}\\n' >/tmp/a.c
cc $(pkg-config --cflags tagalong) -o /tmp/a.out /tmp/a.c
tagalong run -q -o /tmp/api.jsonl /tmp/a.out && tagalong show /tmp/api.jsonl | sed 's/^/api: /'
for i in $(seq 100); do pgrep -x tagalong-agent >/dev/null || pgrep -x tagalong-watch >/dev/null || break; sleep 0.1; done
dpkg -P tagalong >/tmp/dpkg.log 2>&1 || {{ cat /tmp/dpkg.log; exit 1; }}
! command -v tagalong
cd $LAYER
echo left:
find . -mindepth 1 ! -type d ! -path './tmp/*' | sed 's,^./,,' | grep -Ev '^({kept})' || true
find . -type d -iname '*tagalong*' ! -path './tmp/*'
grep -l tagalong var/lib/dpkg/status etc/ld.so.cache 2>/dev/null || true
""", seconds=240)
    before, left = said.split("left:\n")
    check("/usr/bin/tagalong" in before, before)
    check(int(re.search(r"installed (\d+)", before).group(1)) >= len(WANTED), before[:300])
    for wanted in ("GET /  ", "GET /missing", "\nbare: GET /missing", "\napi: x"):
        check(wanted in before, f"no {wanted!r} in {before[-1500:]}")
    check(left.strip() == "", f"left behind: {left}")


def man_pages(home):
    """Every verb, option and exit status of the help texts stands in tagalong(1); no formatter complains."""
    need_program("man")
    dpkg("--extract", made.deb(home), home.path("x"))
    pages = {name: home.path(f"x/usr/share/man/man{name[-1]}/{name}.gz") for name in ("tagalong.1", "tagalong.7", "libtagalong.3")}
    for name, path in pages.items():
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", path], capture_output=True, text=True,
                              env=made.clean_environment(LC_ALL="C.UTF-8", MANWIDTH="200"))
        check(done.returncode == 0 and not done.stderr, f"{name}: {done.stderr[:300]}")
        if name == "tagalong.1":
            in_manual(home, re.sub(r"\s+", " ", done.stdout.replace("‐", "-").replace("−", "-")))
        lint(name, path)
    text = gzip.open(pages["libtagalong.3"], "rt").read()
    header = open(home.path("x/usr/include/tagalong.h")).read()
    for function in re.findall(r"static inline .*\b(tagalong_\w+[a-z])\(", header):
        check(function.endswith("_") or function in text, f"{function} is not in libtagalong(3)")


def in_manual(home, manual):
    overview = subprocess.run([home.tagalong, "help"], capture_output=True, text=True, check=True).stdout
    verbs = re.findall(r"^  ([\w-]+) +", overview, re.M)
    check(len(verbs) > 10, f"verbs: {verbs}")
    for verb in verbs:
        text = subprocess.run([home.tagalong, "help", verb], capture_output=True, text=True, check=True).stdout
        for word in [f"tagalong {verb}"] + re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.M):
            check(word in manual, f"{verb}: {word} is not in tagalong(1)")
        status = re.search(r"(?i)exit status[^.]*", text)
        check(not status or re.sub(r"\s+", " ", status.group(0)) in manual, f"{verb}: its exit status is not in tagalong(1)")
    for name in ("EXIT STATUS", "FILES", "tagalong.logs.jsonl", "/dev/shm/tagalong-UID", "agent.log"):
        check(name in manual, f"{name} is not in tagalong(1)")


def lint(name, path):
    if not shutil.which("mandoc"):
        return
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=gzip.open(path).read(), capture_output=True)
    # Pages that are made by the build have no date of their own.
    found = [line for line in done.stdout.decode().splitlines() if "missing date" not in line]
    check(not found, f"{name}: {found[:3]}")


def lintian(home):
    """Debian's own checker finds nothing but that it is not in Debian, and that a library for LD_PRELOAD has no version in its name."""
    if not shutil.which("lintian"):
        raise Skip("lintian is not installed")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "none", "--suppress-tags",
                           "bogus-mail-host-in-debian-changelog,bogus-mail-host,initial-upload-closes-no-bugs,package-name-doesnt-match-sonames,"
                           "no-manual-page,shared-library-lacks-version",
                           made.deb(home)], capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if line[:2] in ("E:", "W:")]
    check(not found and done.returncode == 0, "; ".join(found)[:900] + done.stderr[:300])


def repeated(home):
    """Made again of the same source, the packages are the same bytes."""
    again = made.package(home.path("again"), made.build_of(home))
    first = open(os.path.join(made.dist(home), "SHA256SUMS")).read()
    check(first == open(os.path.join(again, "SHA256SUMS")).read() and first.count("\n") >= 1, "other bytes")


TESTS = [("deb/contents", contents), ("deb/depends", depends), ("deb/installed", installed), ("deb/man_pages", man_pages),
         ("deb/lintian", lintian), ("package/repeated", repeated)]
