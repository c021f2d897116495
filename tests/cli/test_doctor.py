# SPDX-License-Identifier: MIT
"""test_doctor.py - doctor's verdicts on programs and on an installation."""

import os
import subprocess

from cli import BUILD, Failed, Skipped, build_c, contains, environment, run, same, test


def doctor(place, status, said, program, **more):
    result = run(place, "doctor", program, **more)
    same(f"status for {program}", result.returncode, status)
    contains(f"stdout for {program}", result.stdout, said)
    for line in result.stdout.splitlines():
        if line.split()[0] not in ("ok", "note", "problem"):
            raise Failed(f"line {line!r}")


@test
def doctor_programs(place):
    main = "int main(void) { return 0; }"
    doctor(place, 0, "dynamic", build_c(place, "dynamic", main))
    doctor(place, 1, "statically linked:", build_c(place, "static", main, "-static"))
    doctor(place, 1, "static-pie", build_c(place, "pie", main, "-static-pie"))
    doctor(place, 1, "not found", "nosuchprogram")
    doctor(place, 1, "not found", "/no/such/program")
    doctor(place, 1, "a shared library", build_c(place, "lib.so", "int x;", "-shared", "-fPIC"))
    doctor(place, 1, "TAGALONG_DISABLED", "sh", TAGALONG_DISABLED="1")
    doctor(place, 1, "left out", "sh", TAGALONG_EXCLUDE="dash,sh,busybox")


@test
def doctor_bytes(place):
    """Programs that are not for us, made by changing bytes of one that is."""
    def changed(name, change):
        path = os.path.join(place, name)
        data = bytearray(open("/proc/self/exe", "rb").read())
        change(data)
        with open(path, "wb") as out:
            out.write(data)
        os.chmod(path, 0o755)
        return path

    def put(at, *values):
        return lambda data: data.__setitem__(slice(at, at + len(values)), bytes(values))

    doctor(place, 1, "for aarch64" if os.uname().machine != "aarch64" else "for riscv",
           changed("foreign", put(18, 0xB7 if os.uname().machine != "aarch64" else 0xF3, 0)))
    doctor(place, 1, "damaged", changed("cut", lambda data: data.__delitem__(slice(70, None))))

    def musl(data):
        at = data.index(b"/ld-linux")
        data[at:at + 9] = b"/ld-musl-"

    doctor(place, 1, "musl", changed("musl", musl))


@test
def doctor_scripts(place):
    for name, line, status, said in (("a", "#!/bin/sh", 0, "run by /bin/sh"),
                                     ("b", "#!/usr/bin/env -S sh -e", 0, "a script, run by"),
                                     ("c", "#!/no/such/thing", 1, "/no/such/thing was not found"),
                                     ("d", "echo", 0, "without a #! line")):
        path = os.path.join(place, name)
        with open(path, "w") as out:
            out.write(line + "\n")
        os.chmod(path, 0o755)
        doctor(place, status, said, path)


@test
def doctor_privileges(place):
    if os.geteuid() != 0:
        raise Skipped("needs root")
    os.chmod(place, 0o755)
    path = build_c(place, "suid", "int main(void) { return 0; }")
    os.chmod(path, 0o4755)
    doctor(place, 0, "setuid", path)
    result = run(place, "doctor", path, wrap=("setpriv", "--reuid", "65534", "--clear-groups"),
                 TAGALONG_RUN_DIR="")
    if "ok" not in result.stdout:
        raise Skipped("the build directory is not for other users")
    contains("as nobody", result.stdout, "the loader ignores LD_PRELOAD")


@test
def doctor_installation(place):
    result = run(place, "doctor")
    same(f"status ({result.stdout!r})", result.returncode, 0)
    contains("stdout", result.stdout, "the library loads", "the agent starts", "run directory")


@test
def installed(place):
    """An installation finds its parts, and its packages say where they are."""
    prefix = os.path.join(place, "usr")
    made = subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], capture_output=True,
                          text=True)
    same(f"cmake ({made.stderr})", made.returncode, 0)
    command = os.path.join(prefix, "bin/tagalong")
    result = run(place, "doctor", program=command)
    same(f"doctor ({result.stdout!r})", result.returncode, 0)
    contains("doctor", result.stdout, os.path.join(prefix, "lib"))
    found = []
    for folder, _, names in os.walk(prefix):
        found += [os.path.join(folder, name) for name in names]
    package = [name for name in found if name.endswith("/tagalong.pc")]
    same("packages", len(package), 1)
    paths = environment(place, PKG_CONFIG_PATH=os.path.dirname(package[0]))
    preload = subprocess.run(["pkg-config", "--variable=preload", "tagalong"], env=paths,
                             capture_output=True, text=True).stdout.strip()
    same("the library that pkg-config names", os.path.isfile(preload), True)
