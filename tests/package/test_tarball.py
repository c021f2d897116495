# SPDX-License-Identifier: MIT
"""The tarball works wherever it lies, in two places at once, and after it was moved."""

import os
import subprocess

import lib
import made
from lib import check, free_port, request, wait_until

CMAKE = """cmake_minimum_required(VERSION 3.13)
project(user C)
find_package(tagalong REQUIRED)
add_executable(user user.c)
target_link_libraries(user tagalong::api)
file(WRITE ${CMAKE_BINARY_DIR}/found "${TAGALONG_LIBRARY}\\n${TAGALONG_COMMAND}\\n")
"""
USER = '#include <tagalong.h>\nint main(void) { TAGALONG_SPAN("mine") { } return 0; }\n'


def unpack(home, name):
    """Returns the root of the tree."""
    place = home.path(name)
    os.mkdir(place)
    subprocess.run(["tar", "-xzf", made.tarball(home), "-C", place], check=True)
    (tree,) = os.listdir(place)
    return os.path.join(place, tree)


def traces(home, tree, name):
    """A server under the command of the tree, and one with its library preloaded: both leave their request."""
    command = os.path.join(tree, "bin/tagalong")
    doctor = subprocess.run([command, "doctor"], capture_output=True, text=True, env=home.environment())
    check(doctor.returncode == 0 and tree in doctor.stdout, f"{name}: {doctor.stdout} {doctor.stderr}")
    for how, words in (("run", [command, "run", "-q", "-o", home.file]),
                       ("preload", ["env", f"LD_PRELOAD={tree}/lib/libtagalong.so"])):
        port = free_port()
        server = home.start([*words, "python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"],
                            mode="plain", port=port)
        lib.exchange(port, request("GET", f"/{name}-{how}"))
        for pid in home.agents():
            check(os.readlink(f"/proc/{pid}/exe").startswith(tree), f"{name}: another agent, {os.readlink(f'/proc/{pid}/exe')}")
        home.stop(server)
    home.settle()
    shown = subprocess.run([command, "show", home.file, "--limit", "0"], capture_output=True, text=True).stdout
    for how in ("run", "preload"):
        check(f"GET /{name}-{how}" in shown, f"{name}: no GET /{name}-{how} in {shown[-500:]}")


def two_places(home):
    first, second = unpack(home, "first"), unpack(home, "second")
    traces(home, first, "first")
    traces(home, second, "second")
    moved = home.path("moved")
    os.rename(second, moved)
    traces(home, moved, "moved")


def used(home):
    """Its pkg-config file and its CMake package name the tree that they lie in."""
    tree = unpack(home, "used")
    home.write("user.c", USER)
    home.write("CMakeLists.txt", CMAKE)
    flags = subprocess.run(["pkg-config", "--cflags", "--variable=preload", "tagalong"], capture_output=True, text=True,
                           env=dict(os.environ, PKG_CONFIG_PATH=f"{tree}/lib/pkgconfig")).stdout
    preload = subprocess.run(["pkg-config", "--variable=preload", "tagalong"], capture_output=True, text=True,
                             env=dict(os.environ, PKG_CONFIG_PATH=f"{tree}/lib/pkgconfig")).stdout.strip()
    check(os.path.samefile(preload, f"{tree}/lib/libtagalong.so"), f"preload={preload} {flags}")
    for command in (["cmake", "-S", ".", "-B", "b", f"-DCMAKE_PREFIX_PATH={tree}"], ["cmake", "--build", "b"]):
        done = subprocess.run(command, cwd=home.dir, capture_output=True, text=True)
        check(done.returncode == 0, done.stderr[-400:])
    library, program = home.read("b/found").split()
    check(os.path.samefile(library, f"{tree}/lib/libtagalong.so") and os.path.samefile(program, f"{tree}/bin/tagalong"),
          f"{library} {program}")
    done = subprocess.run([program, "run", "-q", "-o", home.file, home.path("b/user")], env=home.environment())
    check(done.returncode == 0 and any(span.name == "mine" for span in home.spans()), "no span of the program")


def nothing_of_here(home):
    """No path of the machine that built it is in it, and its sums are right."""
    tree = unpack(home, "tree")
    for needle in (lib.ROOT, made.build_of(home)):
        found = subprocess.run(["grep", "-rlF", needle, tree], capture_output=True, text=True).stdout
        check(not found, f"{needle} is in {found}")
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=made.dist(home), capture_output=True, text=True)
    check(done.returncode == 0, done.stdout)


def crash_from_tree(home):
    """A crash has its stack with names: tagalong-stacks is found in the tree."""
    tree = unpack(home, "crash")
    home.write("boom.c", "#include <signal.h>\nstatic void boom(void) { *(volatile int *)0 = 1; }\nint main(void) { boom(); }\n")
    subprocess.run(["cc", "-g", "-O0", "-o", "boom", "boom.c"], cwd=home.dir, check=True)
    subprocess.run([f"{tree}/bin/tagalong", "run", "-q", "-o", home.file, "./boom"], cwd=home.dir, env=home.environment(),
                   capture_output=True)
    logs = home.file.replace(".jsonl", ".logs.jsonl")
    wait_until(lambda: os.path.exists(logs) and "boom" in open(logs).read() and "boom.c" in open(logs).read(), 20,
               "the crash with its line")


TESTS = [("tarball/two_places", two_places), ("tarball/used", used), ("tarball/nothing_of_here", nothing_of_here),
         ("tarball/crash", crash_from_tree)]
