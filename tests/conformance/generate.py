#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""generate - random scenarios: the driver against the model.

    generate.py SEED COUNT -- DRIVER [ARG...]       says where the two differ
    generate.py SEED COUNT                          prints the scenarios, one a line

Scenario number N of a seed is always the same.  What the rules leave open is not
generated: in scopes a root ends after all that hangs below it, no span ends while a
task that was started in it lives; in recall roots are made outside of blocks, and
spans are entered only where their root is known.
"""

import json
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare  # noqa: E402
import model  # noqa: E402

PROFILES = ("scopes", "hubs", "traces", "recall")
LEVELS = ("debug", "info", "warning", "error", "fatal")
LOG_LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
KEYS = ("a", "b", "c", "key.dot", "schlüssel")
WORDS = ("x", "long value", "ünï", "", "\"quoted\"\n", "1", "true")
USER_KEYS = ("id", "email", "username", "ip_address", "segment", "plan")
ERRORS = ("Error", "TypeError", "RangeError")
STATUS = ("ok", "not_found", "cancelled", "invalid_argument")


class Generator:
    def __init__(self, seed, number):
        self.random = random.Random(f"{seed}/{number}")
        self.profile = PROFILES[number % len(PROFILES)]
        self.scenario = {"name": f"{self.profile}-random-{seed}-{number}",
                         "profile": self.profile, "ops": []}
        config = self.configuration()
        if config:
            self.scenario["config"] = config
        self.model = model.Model(self.scenario)
        self.blocks = {"main": []}
        self.count = 0
        self.bound, self.saved = [], {}

    # ---- small choices ----

    def chance(self, share):
        return self.random.random() < share

    def pick(self, things):
        return self.random.choice(list(things))

    def word(self):
        return self.pick(WORDS)

    def scalar(self):
        return self.pick((self.word(), self.random.randint(-5, 10 ** 12), 2.5, -0.125, True, False))

    def json(self, depth=2):
        if depth and self.chance(0.3):
            return [self.json(depth - 1) for _ in range(self.random.randint(1, 3))]
        if depth and self.chance(0.4):
            return self.object(depth - 1)
        return self.scalar()

    def object(self, depth=1):
        return {self.pick(KEYS): self.json(depth) for _ in range(self.random.randint(1, 3))}

    def user(self):
        return {key: self.pick(("u1", "u2", 42)) for key in
                self.random.sample(USER_KEYS, self.random.randint(1, 3))}

    def tags(self, keys=KEYS):
        return {self.pick(keys): self.word() for _ in range(self.random.randint(1, 3))}

    def fingerprint(self):
        return [self.pick("fgh") for _ in range(self.random.randint(0, 2))]

    def name(self):
        self.count += 1
        return f"n{self.count}"

    def configuration(self):
        config = {}
        if self.profile in ("scopes", "hubs"):
            if self.chance(0.3):
                config["max_breadcrumbs"] = self.pick((0, 1, 3, 150))
            if self.chance(0.2):
                config["initial_scope"] = {"tags": self.tags(), "user": self.user(),
                                           "level": self.pick(LEVELS)}
            if self.profile == "scopes" and self.chance(0.15):
                config["traces_sample_rate"] = self.pick((0, 1))
        if self.profile == "traces":
            if self.chance(0.5):
                config["max_spans"] = self.pick((1, 2, 3, 5, 8))
            if self.chance(0.3):
                config["flush_interval"] = self.pick((2, 5, 20))
        return config

    # ---- the scenario ----

    def make(self):
        for _ in range(self.random.randint(8, 60)):
            task = self.pick(self.blocks)
            self.model.task = self.model.tasks[task]
            self.pick(self.choices(task))(task)
        self.close_all()
        if self.profile == "traces" and self.chance(0.8):
            self.add("main", op="shutdown")
            self.add("main", op="buffered", **{"as": "end"})
        return self.scenario

    def add(self, task, **op):
        if task != "main" or self.chance(0.1):
            op = {"task": task, **op}
        self.model.step(op)
        self.scenario["ops"].append(op)

    def choices(self, task):
        """The ways to go on, the likely ones several times."""
        out = [self.spawn, self.join, self.hop]
        if self.profile in ("scopes", "hubs"):
            out += 6 * [self.write] + 4 * [self.capture] + 2 * [self.open_scope]
            out += [self.save, self.same, self.close, self.close]
        if self.profile == "scopes":
            out += 2 * [self.open_span, self.start_detached, self.finish, self.probe]
            out += 2 * [self.enter] + 3 * [self.span_data] + 3 * [self.close]
        if self.profile == "hubs":
            out += 2 * [self.hub]
        if self.profile == "traces":
            out += 5 * [self.open_span, self.close] + 3 * [self.push, self.finish]
            out += 3 * [self.span_data, self.probe] + [self.deliver, self.later_tags]
        if self.profile == "recall":
            out += 3 * [self.create, self.enter, self.close, self.probe]
            out += 2 * [self.finish, self.span_data] + [self.error, self.bind, self.call]
        return out

    # ---- tasks ----

    def spawn(self, task):
        if len(self.blocks) < 4:
            child = self.name()
            self.add(task, op="spawn", child=child)
            self.blocks[child] = []

    def may_join(self, task):
        """A joined task has nothing left: what it pushed and did not end would be."""
        return task != "main" and not self.blocks[task]

    def join(self, task):
        idle = [name for name in self.blocks if self.may_join(name)]
        if idle:
            child = self.pick(idle)
            self.end_of(child)
            self.add("main", op="join", child=child)
            del self.blocks[child]

    def end_of(self, child):
        """Spans that the task began without a block are finished first."""
        if self.profile in ("traces", "recall"):
            for span in self.model.all_spans:
                if span.open and getattr(span, "task", None) == child:
                    self.add("main", op="span.finish", span=span.label)

    def hop(self, task):
        self.add(task, op="hop")

    # ---- scopes ----

    def target(self, task):
        self.model.task = self.model.tasks[task]
        words = ["top", "current"] if self.profile == "hubs" else \
            ["top", "global", "isolation", "current", "current"]
        if self.has_scope(task):
            words += [f"@{name}" for name, scope in self.saved.items() if self.alive(scope)]
        word = self.pick(words + [None])
        return {"scope": word} if word else {}

    def alive(self, scope):
        """In some role now.  Others are written to only where nothing refers to them."""
        held = {id(span.current) for span in self.model.all_spans if span.open}
        held |= {id(span.isolation) for span in self.model.all_spans if span.open}
        for task in self.model.tasks.values():
            for frame in task.frames:
                if scope in (frame.isolation, frame.current, *frame.hub.stack):
                    return True
        return id(scope) not in held

    def write(self, task):
        where = self.target(task)
        key = self.pick(KEYS)
        ops = [{"op": "set_tag", "key": key, "value": self.word()},
               {"op": "set_tag", "key": key, "value": self.word()},
               {"op": "set_tags", "tags": self.tags()},
               {"op": "set_extra", "key": key, "value": self.json()},
               {"op": "set_extras", "extras": self.object()},
               {"op": "set_context", "key": key, "value": self.object()},
               {"op": "set_context", "key": key, "value": None},
               {"op": "set_user", "user": self.user()},
               {"op": "set_user", "user": None if self.chance(0.5) else self.user()},
               {"op": "set_level", "level": self.pick(LEVELS)},
               {"op": "set_fingerprint", "fingerprint": self.fingerprint()},
               {"op": "set_transaction", "name": self.word() or "t"},
               self.crumb(), self.crumb(),
               {"op": "add_breadcrumb", "message": "r{i}", "repeat": self.pick((2, 4, 60))},
               {"op": self.pick(("clear", "clear_breadcrumbs"))}]
        if self.profile == "scopes":
            ops.append({"op": "set_attribute", "key": key, "value": self.scalar()})
        self.add(task, **{**self.pick(ops), **where})

    def crumb(self):
        crumb = {"op": "add_breadcrumb", "message": self.name()}
        if self.chance(0.4):
            crumb.update(category=self.pick(("http", "query")), level=self.pick(LEVELS))
        if self.chance(0.3):
            crumb.update(type="http", data=self.object())
        return crumb

    def has_scope(self, task):
        """A hub without a client keeps nothing, and need not have scopes."""
        return self.profile != "hubs" or self.model.tasks[task].frames[-1].hub.client

    def save(self, task):
        if not self.has_scope(task):
            return
        name = self.name()
        where = self.target(task)
        self.add(task, op="scope.save", **where, **{"as": name})
        self.saved[name] = self.model.saved[name]

    def same(self, task):
        if self.saved and self.has_scope(task):
            self.add(task, op="scope.same", **self.target(task),
                     **{"with": self.pick(self.saved), "as": self.name()})

    def open_scope(self, task):
        kind = "isolation" if self.profile == "scopes" and self.chance(0.4) else "scope"
        self.blocks[task].append(kind)
        self.add(task, op=f"{kind}.begin")

    def capture(self, task):
        extra = {}
        if self.chance(0.25):
            extra["with"] = {name: value for name, value in
                             (("tags", self.tags()), ("extra", self.object()),
                              ("user", self.user()), ("level", self.pick(LEVELS)),
                              ("contexts", {"c": self.object()}),
                              ("fingerprint", self.fingerprint())) if self.chance(0.5)}
        ops = [{"op": "capture_message", "message": self.name()},
               {"op": "capture_message", "message": self.name(), "level": self.pick(LEVELS)},
               {"op": "capture_exception", "message": self.name()},
               {"op": "capture_exception", "message": self.name(), "type": self.pick(ERRORS)},
               {"op": "capture_event", "event": self.event()}]
        op = self.pick(ops)
        if self.profile == "scopes" and self.chance(0.2):
            op, extra = {"op": "capture_log", "level": self.pick(LOG_LEVELS),
                         "message": self.name()}, {}
            if self.chance(0.5):
                op["attributes"] = {self.pick(KEYS): self.scalar()}
        self.add(task, **op, **extra)

    def event(self):
        event = {"message": self.name()}
        for name, value in (("tags", self.tags()), ("extra", self.object()),
                            ("user", self.user()), ("level", self.pick(LEVELS)),
                            ("contexts", {"c": self.object()}), ("transaction", "own"),
                            ("fingerprint", ["own"])):
            if self.chance(0.35):
                event[name] = value
        return event

    # ---- hubs ----

    def hub(self, task):
        self.model.task = self.model.tasks[task]
        what = self.pick(("push", "push", "pop", "pop", "depth", "clone", "new", "begin", "begin"))
        if what == "push":
            name = self.name()
            self.add(task, op="hub.push", **{"as": name})
            self.saved[name] = self.model.saved[name]
        elif what in ("pop", "depth"):
            self.add(task, op=f"hub.{what}", **{"as": self.name()})
        elif what == "clone":
            hub = {"from": self.pick(self.model.hubs)} if self.model.hubs and self.chance(0.5) \
                else {}
            self.add(task, op="hub.clone", **hub, **{"as": self.name()})
        elif what == "new":
            client = {"client": False} if self.chance(0.3) else {}
            self.add(task, op="hub.new", **client, **{"as": self.name()})
        elif self.model.hubs and not self.busy_hubs():
            self.blocks[task].append("hub")
            self.add(task, op="hub.begin", hub=self.pick(self.model.hubs))

    def busy_hubs(self):
        """One block at a time, so that no hub is current in two tasks."""
        return any("hub" in blocks for blocks in self.blocks.values())

    # ---- spans ----

    def options(self, begin=True):
        out = {}
        if self.profile != "recall" and self.chance(0.3):
            out["attributes"] = {self.pick(KEYS): self.scalar()}
        if self.profile == "scopes" and self.chance(0.3):
            out["span_op"] = self.pick(("db", "http.server"))
        if self.profile == "scopes" and self.chance(0.15):
            out["parent"] = None
        if self.profile == "scopes" and self.chance(0.15):
            mine = [s.label for s in self.model.all_spans if s.open]
            if mine:
                out["parent"] = self.pick(mine)
        if self.profile == "traces":
            if self.chance(0.3):
                out["tags"] = self.tags()
            if self.chance(0.2):
                out["session_id"] = self.pick(("s1", "s2"))
            if self.chance(0.2):
                out["session_name"] = self.pick(("Checkout", "Login"))
        if self.chance(0.1):
            out["as"] = self.name()
        return out

    def note(self, task):
        self.model.all_spans[-1].task = task

    def open_span(self, task):
        self.blocks[task].append("span")
        self.add(task, op="span.begin", name=self.name(), **self.options())

    def push(self, task):
        self.add(task, op="span.push", name=self.name(), **self.options())
        self.note(task)

    def start_detached(self, task):
        self.add(task, op="span.start", name=self.name(), **self.options())

    def create(self, task):
        self.model.task = self.model.tasks[task]
        root = self.model.root_span()
        options = {}
        if root is None or not self.blocks[task] and self.chance(0.1):
            if self.blocks[task]:
                return
            if root:
                options["root"] = True
            if self.chance(0.3):
                options["namespace"] = self.pick(("web", "background"))
            self.add(task, op="span.start", name=self.name(), **options)
            self.note(task)
            return
        opened = [s.label for s in self.model.all_spans if s.open and s.trace == root.trace]
        if self.chance(0.3):
            self.add(task, op="span.child", name=self.name(), parent=self.pick(opened))
        elif self.chance(0.3):
            self.add(task, op="span.start", name=self.name(), parent=self.pick(opened))
        else:
            self.add(task, op="span.start", name=self.name())

    def in_block(self, span):
        return any(frame.span is span for task in self.model.tasks.values()
                   for frame in task.frames)

    def may_end(self, span):
        if self.profile != "scopes":
            return True
        if any(span in task.above for task in self.model.tasks.values()):
            return False
        below = [s for s in self.model.all_spans if s.trace == span.trace and s.open]
        return span.parent is not None or below == [span]

    def finish(self, task):
        spans = [s for s in self.model.all_spans
                 if (not self.in_block(s) or self.profile == "recall") and self.may_end(s) and
                 (s.open or self.chance(0.1))]
        if spans:
            self.add(task, op="span.finish", span=self.pick(spans).label)

    def enter(self, task):
        spans = [s.label for s in self.model.all_spans if self.may_enter(task, s)]
        if self.profile == "scopes" and self.chance(0.2):
            label = None
        elif spans:
            label = self.pick(spans)
        else:
            return
        name = {"as": self.name()} if self.profile == "recall" else {}
        self.blocks[task].append("enter")
        self.add(task, op="span.enter", span=label, **name)

    def may_enter(self, task, span):
        if self.profile != "recall":
            return span.open
        return span.root in self.model.tasks[task].pushed and (span.open or self.chance(0.2))

    def span_data(self, task):
        self.model.task = self.model.tasks[task]
        labels = [s.label for s in self.model.all_spans if s.open]
        if self.profile in ("scopes", "recall"):
            labels.append("@current")
        if not labels:
            return
        label = self.pick(labels)
        ops = [{"op": "span.set", "key": self.pick(KEYS), "value": self.scalar()}]
        if self.profile == "scopes":
            ops += [{"op": "span.set_name", "name": self.name()},
                    {"op": "span.set_status", "status": self.pick(STATUS)}]
        if self.profile == "traces":
            ops += 2 * [{"op": "span.set_tags", "tags": self.tags()}]
            ops += [{"op": "span.set_error", "type": self.pick(ERRORS), "message": self.name()}]
        self.add(task, **self.pick(ops), span=label)

    def later_tags(self, task):
        spans = [s for s in self.model.all_spans if not s.flushed]
        if not spans:
            return
        span = self.pick(spans)
        if self.chance(0.4):
            self.add(task, op="span.set_tags", span=span.label, tags=self.tags())
        elif self.chance(0.5):
            self.add(task, op="trace.set_tags", of=span.label, tags=self.tags(("t1", "t2")))
        elif span.open:
            self.add(task, op="session.set_tags", of=span.label, tags=self.tags(("s1", "s2")))

    def probe(self, task):
        ops = ["current_span"]
        if self.profile == "recall":
            ops.append("root_span")
        if self.profile == "traces":
            ops += ["current_trace", "current_session", "buffered", "buffered"]
        self.add(task, op=self.pick(ops), **{"as": self.name()})

    def deliver(self, task):
        what = self.pick(("flush", "shutdown", "advance", "advance"))
        more = {"ms": self.pick((1000, 4000, 11000, 25000))} if what == "advance" else {}
        self.add(task, op=what, **more)

    def error(self, task):
        op = {"message": self.name(), "type": self.pick(ERRORS)}
        if self.chance(0.7):
            self.add(task, op="set_error", **op)
        else:
            self.add(task, op="send_error", **op, **{"as": self.name()})

    def bind(self, task):
        name = self.name()
        self.add(task, op="bind", **{"as": name})
        self.bound.append(name)

    def call(self, task):
        if self.bound:
            self.add(task, op="call", fn=self.pick(self.bound))

    # ---- ends ----

    def close(self, task):
        """Closes the innermost block, if it may be closed; says whether it did."""
        if not self.blocks[task]:
            return False
        kind = self.blocks[task][-1]
        frame = self.model.tasks[task].frames[-1]
        if kind == "span" and not self.may_end(frame.span):
            return False
        self.blocks[task].pop()
        op = {"op": "span.leave" if kind == "enter" else f"{kind}.end"}
        if self.chance(0.2):
            op["throw"] = {"message": self.name(), "type": self.pick(ERRORS)}
        self.add(task, **op)
        return True

    def close_all(self):
        """Whatever cannot be closed yet can be when others are."""
        busy = True
        while busy:
            busy = False
            for task in list(self.blocks):
                while self.close(task):
                    busy = True
                if self.may_join(task):
                    self.join_one(task)
                    busy = True
            for span in self.model.all_spans:
                if self.profile == "scopes" and span.open and not self.in_block(span) and \
                        self.may_end(span):
                    self.add("main", op="span.finish", span=span.label)
                    busy = True

    def join_one(self, task):
        self.end_of(task)
        self.add("main", op="join", child=task)
        del self.blocks[task]


def scenario(seed, number):
    return Generator(seed, number).make()


def check(seed, number, driver):
    """None, or what is wrong."""
    made = scenario(seed, number)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(made, file)
        file.flush()
        ran = subprocess.run([*driver, file.name], capture_output=True, text=True, timeout=60)
    if ran.returncode:
        return f"status {ran.returncode}: {ran.stderr.strip()[-300:]}"
    return compare.difference(made, model.run(made), json.loads(ran.stdout))


def main():
    if "--" not in sys.argv:
        for number in range(int(sys.argv[2])):
            print(json.dumps(scenario(sys.argv[1], number), ensure_ascii=False))
        return
    cut = sys.argv.index("--")
    seed, count = sys.argv[1], int(sys.argv[2])
    bad = 0
    for number in range(count):
        said = check(seed, number, sys.argv[cut + 1:])
        if said:
            bad += 1
            print(f"not ok {PROFILES[number % len(PROFILES)]} {seed}/{number}: {said}")
    print(f"{count - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
