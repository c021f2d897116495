# SPDX-License-Identifier: MIT
"""test_cost.py - an agent under far too much load keeps its bound on memory, and counts what it gives up.

bench_spans (tests/bench) writes into a segment as fast as it can; it knows which starts of
spans found room in a lane.  Each of those has arrived or is counted.
"""

import json
import os
import signal
import subprocess
import time

from delivery import status
from lib import Skip, check, free_port, wait_until

KEY = "c057"
MIB = 1 << 20
WIDE = ("lanes=16", "attrs=50", "text=20", "every=20", "event_bytes=4000")


class Load:
    """An agent in the foreground, a receiver that counts, a writer."""

    def __init__(self, home, env, receive):
        self.home, self.receiver, self.port, self.most = home, None, free_port(), 0
        for name in ("bench_spans", "bench_receiver"):
            if not os.path.exists(os.path.join(home.build, name)):
                raise Skip(f"no {name} in the build directory")
        if receive:
            self.receiver = home.start([os.path.join(home.build, "bench_receiver"), str(self.port)], mode="plain",
                                       port=self.port, stdout=subprocess.PIPE)
        env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{self.port}/v1/traces",
               "SENTRY_DSN": f"http://key@127.0.0.1:{self.port}/1", "TAGALONG_FILE": "none",
               "TAGALONG_AGENT_LINGER_MS": "600000", "TAGALONG_MAX_TRACE_AGE_MS": "600000", **env}
        self.agent = home.start([home.tagalong, "agent", "--foreground", "--run-dir", home.run_dir, "--key", KEY],
                                mode="plain", env=env)

    def write(self, rate, seconds, *options):
        writer = self.home.start([os.path.join(self.home.build, "bench_spans"), self.home.run_dir, KEY, str(rate),
                                  str(seconds), *options], mode="plain", stdout=subprocess.PIPE)
        while writer.poll() is None:
            with open(f"/proc/{self.agent.pid}/status") as lines:
                resident = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
            self.most = max(self.most, resident[0] * 1024)
            time.sleep(0.05)
        return json.loads(writer.stdout.read())

    def status(self):
        return [agent for agent in status(self.home)["agents"] if agent["key"].endswith(KEY)][0]

    def settle(self, away=False):
        """Nothing is held any more and, if somebody receives, nothing waits; the page is up to date."""
        def quiet():
            now = self.status()
            waiting = sum(queue["waiting"]["messages"] for queue in now["destinations"].values())
            return not now["programs"] and now["held_spans"] == 0 and (away or waiting == 0)
        wait_until(quiet, 60, f"the agent is done: {self.status()}", 0.2)
        time.sleep(1.2)
        return self.status()

    def stop(self):
        self.home.stop(self.agent)
        if not self.receiver:
            return {"spans": 0, "events": 0, "bad": 0}
        self.receiver.send_signal(signal.SIGTERM)
        return json.loads(self.receiver.communicate(timeout=10)[0].splitlines()[-1])


def check_accounts(wrote, now, away=False):
    """What was written arrived or is counted, at every step and for each destination."""
    check(wrote["lost"] == now["lost_records"], f"{wrote['lost']} records lost, {now['lost_records']} counted")
    for thing, known in (("spans", wrote["known"]), ("events", wrote["events_known"])):
        for name in ("otlp-traces", "sentry") if thing == "spans" else ("sentry",):
            queue = now["destinations"][name]
            taken, sent, waiting = (queue[what][thing] for what in ("taken", "sent", "waiting"))
            dropped = sum(counts[thing] for counts in queue["dropped"].values())
            check(known == taken + now[f"lost_{thing}"],
                  f"{name}: {known} {thing} written, {taken} taken, {now[f'lost_{thing}']} lost")
            check(taken == sent + waiting + dropped,
                  f"{name}: {taken} {thing} taken, {sent} sent, {waiting} wait, {dropped} dropped")
            check(away or waiting == 0, f"{name}: {waiting} {thing} wait")


def flood(home, env, away, megabytes):
    load = Load(home, {**env, "TAGALONG_AGENT_MEMORY_BYTES": str(megabytes * MIB)}, not away)
    time.sleep(0.5)
    wrote = load.write(1000000, 5, *WIDE, "open=2000")
    now = load.settle(away)
    got = load.stop()
    home.note(f"{wrote['spans']} spans, {wrote['known']} known, {now['lost_spans']} given up, "
              f"{got['spans']} arrived twice; {load.most / MIB:.1f} of {megabytes} MiB")
    check(wrote["lost"] > 0 and wrote["known"] > 20000, f"that is no flood: {wrote}")
    check_accounts(wrote, now, away)
    sent = sum(now["destinations"][name]["sent"]["spans"] for name in ("otlp-traces", "sentry"))
    check(got["spans"] == sent and not got["bad"], f"{sent} spans sent, received: {got}")
    check(got["events"] == now["destinations"]["sentry"]["sent"]["events"], f"events: {got} {now}")
    check(load.most <= megabytes * MIB, f"{load.most / MIB:.1f} MiB of {megabytes}")


def received(home):
    """Far too much for an agent whose receivers are there."""
    flood(home, {"TAGALONG_SPOOL_DIR": home.path("spool")}, False, 64)


def away(home):
    """Far too much, nobody receives, and the disk cannot be used."""
    home.write("no-directory", "")
    flood(home, {"TAGALONG_SPOOL_DIR": os.path.join(home.dir, "no-directory/spool")}, True, 64)


def open_spans(home):
    """Spans that never end give way when they hold too much: the later ones are taken all the same."""
    load = Load(home, {"TAGALONG_AGENT_MEMORY_BYTES": str(24 * MIB), "TAGALONG_FILE": home.file}, True)
    time.sleep(0.5)
    wrote = load.write(5000, 5, "lanes=32", "attrs=10", "open=1000000")
    now = load.settle()
    got = load.stop()
    spans = home.spans(settle=False, well_formed=False)
    unfinished = sum(span.unfinished for span in spans)
    home.note(f"{len(spans)} spans, {unfinished} unfinished, {now['lost_spans']} given up")
    check_accounts(wrote, now)
    check(len(spans) + now["lost_spans"] == wrote["known"], f"{wrote}, {len(spans)} in the file, {now['lost_spans']} lost")
    check(got["spans"] == 2 * len(spans), f"{len(spans)} in the file, received: {got}")
    check(unfinished > 1000, f"only {unfinished} of {len(spans)} had to end early")
    check(len(spans) > wrote["known"] // 2, f"{len(spans)} of {wrote['known']} in the file: what is old kept out what is new")


TESTS = [("cost/received", received),
         ("cost/away", away),
         ("cost/open", open_spans)]
