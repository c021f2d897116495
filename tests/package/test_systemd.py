# SPDX-License-Identifier: MIT
"""The drop-in for services: systemd's own check of a unit that has it.  No service is started."""

import os
import shutil
import subprocess

from lib import ROOT, check, need_program

UNIT = """[Unit]
Description=A service
[Service]
ExecStart=/bin/sleep 1
DynamicUser=yes
ProtectSystem=strict
PrivateTmp=yes
"""


def drop_in(home):
    verify = need_program("systemd-analyze")
    unit = home.write("shop.service", UNIT)
    os.mkdir(unit + ".d")
    shutil.copy(os.path.join(ROOT, "docs/systemd/tagalong.conf"), unit + ".d")
    done = subprocess.run([verify, "verify", "--man=no", "--recursive-errors=one", unit], capture_output=True, text=True,
                          env=dict(os.environ, SYSTEMD_UNIT_PATH=f"{home.dir}:"))
    check(done.returncode == 0 and "tagalong" not in done.stderr, done.stderr[-400:])
    with open(unit + ".d/tagalong.conf", "a") as stream:
        stream.write("RuntimeDirektory=x\n")
    done = subprocess.run([verify, "verify", "--man=no", "--recursive-errors=one", unit], capture_output=True, text=True,
                          env=dict(os.environ, SYSTEMD_UNIT_PATH=f"{home.dir}:"))
    check("RuntimeDirektory" in done.stderr, f"the check sees nothing: {done.stderr[-300:]}")


TESTS = [("systemd/drop_in", drop_in)]
