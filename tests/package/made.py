# SPDX-License-Identifier: MIT
"""made.py - the packages that scripts/package makes, once for all tests of a run.

A Root is this machine as it is, and a layer above it that takes all that is written: in a mount
namespace of its own, so that dpkg installs as it does anywhere, and nothing of it is left here.
"""

import glob
import os
import shutil
import subprocess
import tempfile

from lib import ROOT, Failure, Skip, check, need_root

_made = {}

# What dpkg itself keeps, and the loader's cache.
KEPT_BY_DPKG = ("var/lib/dpkg", "var/log/dpkg.log", "var/log/alternatives.log", "etc/ld.so.cache", "var/cache/ldconfig",
                "var/cache/man", "var/cache/debconf", "var/lib/man-db", "run", "dev")

ENTER = """
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount -t tmpfs none "$1/root/tmp"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs none "$1/root/dev/shm"
mkdir "$1/root/tmp/given"
mount --bind "$2" "$1/root/tmp/given"
"""


def build_of(home):
    return os.path.dirname(os.path.abspath(home.tagalong))


def package(dist, build):
    environment = dict(os.environ, BUILD_DIR=os.path.join(build, "package"), KEEP_BUILD="1")
    done = subprocess.run([os.path.join(ROOT, "scripts/package"), "-o", dist], capture_output=True, text=True,
                          env=environment, timeout=840)
    check(done.returncode == 0, f"scripts/package: {(done.stderr or done.stdout).strip()[-300:]}")
    return dist


def dist(home):
    """The directory with the packages."""
    if not _made:
        _made["dist"] = tempfile.mkdtemp(prefix="tagalong-dist-")
        import atexit
        atexit.register(shutil.rmtree, _made["dist"], ignore_errors=True)
        try:
            package(_made["dist"], build_of(home))
        except Failure as failure:
            _made["failure"] = failure
    if "failure" in _made:
        raise _made["failure"]
    return _made["dist"]


def one(home, pattern):
    found = glob.glob(os.path.join(dist(home), pattern))
    if not found and pattern.endswith(".deb"):
        raise Skip("no dpkg-dev")
    check(len(found) == 1, f"{pattern}: {found}")
    return found[0]


def deb(home):
    return one(home, "tagalong_*.deb")


def tarball(home):
    return one(home, "tagalong-*.tar.gz")


def in_root(home, script, seconds=120):
    """Runs a shell script in a Root; the packages are in /tmp/given, $LAYER is what was written.  Its output."""
    need_root()
    given = dist(home)
    inside = home.write("inside.sh", "set -e\n" + script)
    os.chmod(inside, 0o755)
    place = home.path("layers")
    os.makedirs(place, exist_ok=True)
    outside = home.write("outside.sh", ENTER + """
cp "$3" "$1/root/tmp/inside.sh"
mkdir "$1/root/tmp/layer"
mount --bind "$1/upper" "$1/root/tmp/layer"
exec chroot "$1/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LAYER=/tmp/layer sh /tmp/inside.sh
""")
    command = ["unshare", "-m", "--pid", "--fork", "--kill-child", "sh", outside, place, given, inside]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        raise Skip(f"no overlay in a mount namespace here: {done.stderr.strip()[-100:]}")
    check(done.returncode == 0, f"status {done.returncode}: {(done.stdout + done.stderr).strip()[-600:]}")
    return done.stdout


def clean_environment(**more):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TAGALONG_", "OTEL_", "LD_"))}
    return dict(kept, **more)
