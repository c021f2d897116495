# SPDX-License-Identifier: MIT
"""test_wait_crash.py - `wait-crash`: the first crash of a program, as a status and a report."""

import os
import signal

from cli import Failed, build_c, contains, run, same, test


CRASHER = r"""
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tagalong.h"

static int *nowhere;

static void charge(void)
{
	*nowhere = 1;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	tagalong_set_tag("tenant", "acme");
	tagalong_add_breadcrumb("cart", "two of them");
	if (strcmp(how, "child") == 0) {
		if (fork() == 0)
			charge();
		wait(NULL);
		return 0;
	}
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "fault") != 0)
		return how[0] ? atoi(how) : 0;
	TAGALONG_SPAN("order")
		TAGALONG_SPAN("charge card")
			charge();
}
"""


def crasher(place):
    include = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../runtime/include")
    return build_c(place, "crasher", CRASHER, "-g", "-O0", "-I", include)


@test
def wait_crash(place):
    binary = crasher(place)
    for status in (0, 3):
        result = run(place, "wait-crash", "--", binary, str(status))
        same("all is well", (result.returncode, result.stdout, result.stderr), (status, "", ""))
    result = run(place, "wait-crash", "-o", "a.jsonl", "--", binary, "fault")
    same("status", result.returncode, -signal.SIGSEGV)
    same("stdout", result.stdout, "")
    contains("stderr", result.stderr, "tagalong: crasher[", "] crashed\n",
             "! fatal  SIGSEGV: Segmentation fault at 0x0\n", "SEGV_MAPERR: address not mapped",
             "cart  two of them", "tags   tenant=acme", "in flight\n      order  for ",
             "\n      charge card  for ", "all of it: tagalong show --all-threads a.jsonl\n")
    same("crashes", result.stderr.count("! fatal"), 1)
    shown = run(place, "show", "a.jsonl").stdout
    contains("show", shown, "charge card", "! fatal  SIGSEGV: Segmentation fault at 0x0",
             "SEGV_MAPERR")
    result = run(place, "wait-crash", "-o", "a.jsonl", "--", binary, "abort")
    same("status of abort", result.returncode, -signal.SIGABRT)
    contains("stderr", result.stderr, "! fatal  SIGABRT: ")
    if "SIGSEGV" in result.stderr:
        raise Failed(f"what another run left in the file: {result.stderr!r}")


@test
def wait_crash_of_a_child(place):
    binary = crasher(place)
    result = run(place, "wait-crash", "-q", "--", binary, "child")
    same("status", result.returncode, 0)
    same("lines", result.stderr.count("\n"), 1)
    contains("stderr", result.stderr, "crashed: SIGSEGV: Segmentation fault at 0x0\n")
    same("--fail", run(place, "wait-crash", "--fail", "--", binary, "child").returncode, 70)
    same("--fail, all is well", run(place, "wait-crash", "--fail", "--", binary, "5").returncode, 5)


@test
def wait_crash_without_report(place):
    binary = crasher(place)
    result = run(place, "wait-crash", "--", binary, "fault", TAGALONG_DISABLED="1")
    same("status", result.returncode, -signal.SIGSEGV)
    contains("stderr", result.stderr, "died of SIGSEGV and left no report", "tagalong doctor")
    result = run(place, "wait-crash", "sh", "-c", "kill -9 $$")
    same("killed", result.returncode, -signal.SIGKILL)
    contains("stderr", result.stderr, "killed by SIGKILL")
    result = run(place, "wait-crash", "sh", "-c", "kill -TERM $$")
    same("terminated", (result.returncode, result.stderr), (-signal.SIGTERM, ""))
    same("no program", run(place, "wait-crash").returncode, 2)
    same("bad option", run(place, "wait-crash", "--fial", "true").returncode, 2)
    same("not found", run(place, "wait-crash", "no-such-program").returncode, 127)
    contains("help", run(place, "help", "wait-crash").stdout, "--all-threads", "70")
