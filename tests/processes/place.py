# SPDX-License-Identifier: MIT
"""place.py - building the programs of this directory, and running something under witness and library."""

import os
import shlex
import subprocess

import truth
from lib import ROOT, check, need_program

HERE = os.path.dirname(os.path.abspath(__file__))
ON = {"TAGALONG_PROCESSES": "1", "TAGALONG_SIGNALS": "0"}


def build(home, source, *flags):
    """A program of this directory, built into the home; a library with -shared."""
    output = home.path(source.removesuffix(".c"))
    done = subprocess.run([need_program("cc", "gcc"), "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-pthread", "-Wall",
                           "-I", os.path.join(ROOT, "runtime/include"), "-o", output, os.path.join(HERE, source), *flags],
                          capture_output=True, text=True)
    check(done.returncode == 0, f"{source} does not compile: {done.stderr.strip().splitlines()[:1]}")
    return output


def preload(home):
    return f"{home.preload}:{build(home, 'witness.c', '-shared', '-fPIC')}"


def run(home, command, seconds=60, **env):
    """(images, spans, standard output) of a command that is started under trace."""
    witness = home.path("witness.txt")
    env = {**ON, "WITNESS": witness, "LD_PRELOAD": preload(home), **env}
    command = ["env", *(f"{key}={value}" for key, value in env.items()), *command]
    status, out, err = home.run(command, mode="plain", seconds=seconds)
    check(status == 0, f"{shlex.join(command[-3:])}: status {status}: {err.strip()[-300:]}")
    home.settle()
    return truth.read(witness), home.spans(), out


def one_trace(home, command, parentless=(), without=(), least=2, **env):
    images, spans, out = run(home, command, **env)
    compared = truth.compare(images, spans, parentless, without)
    check(compared >= least, f"only {compared} programs were seen, expected {least} at least")
    traces = {span.trace_id for span in spans if truth.is_process(span)}
    check(parentless or len(traces) == 1, f"{len(traces)} traces")
    home.note(f"{compared} programs")
    return images, spans, out
