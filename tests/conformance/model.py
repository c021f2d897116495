#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""model - the rules of scopes, hubs, traces and recalled spans, on plain dicts.

    model.py SCENARIO.json      prints the result that the rules demand

Written from the rules, not from Tagalong: it shares no code and no idea with the
library, the agent or the driver, so that a mistake has to be made twice to go
unseen.  Ids are numbers that count up; a result is compared by compare.py.
"""

import copy
import itertools
import json
import sys

HIDDEN_BY_NOBODY = ("id", "email", "ip_address", "username")


class Scope:
    """One bag of data.  A fork is a copy; breadcrumbs know when they were added."""

    def __init__(self, keep):
        self.keep = keep
        self.clear()

    def clear(self):
        self.tags, self.extra, self.contexts, self.attributes = {}, {}, {}, {}
        self.user, self.fingerprint, self.crumbs = {}, [], []
        self.level = self.transaction = None

    def fork(self):
        twin = copy.copy(self)
        for name in ("tags", "extra", "contexts", "attributes", "user", "fingerprint", "crumbs"):
            setattr(twin, name, copy.copy(getattr(self, name)))
        return twin

    def put(self, bag, key, value):
        if value is None:
            bag.pop(key, None)
        else:
            bag[key] = value

    def set_user(self, user):
        self.user = dict.fromkeys(HIDDEN_BY_NOBODY) if user is None else user

    def update(self, data):
        """What one capture call, or the configuration, adds."""
        for name in ("tags", "extra", "contexts", "attributes"):
            for key, value in (data.get(name) or {}).items():
                self.put(getattr(self, name), key, value)
        if data.get("user"):
            self.set_user(data["user"])
        if data.get("level"):
            self.level = data["level"]
        if data.get("fingerprint"):
            self.fingerprint = data["fingerprint"]
        if data.get("transaction"):
            self.transaction = data["transaction"]


def merge(scopes, keep):
    """Wider scopes first; nearer ones win, but fingerprints are joined."""
    out = {"tags": {}, "extra": {}, "contexts": {}, "user": {}, "attributes": {}}
    crumbs, level, transaction, fingerprint = [], None, None, []
    for scope in scopes:
        for name in out:
            out[name].update(getattr(scope, name))
        level = scope.level or level
        transaction = scope.transaction or transaction
        fingerprint = fingerprint + scope.fingerprint
        crumbs += scope.crumbs
    crumbs = [crumb for _, crumb in sorted(crumbs, key=lambda c: c[0])]
    out["breadcrumbs"] = crumbs[len(crumbs) - keep:] if keep < len(crumbs) else crumbs
    out.update(level=level, transaction=transaction, fingerprint=fingerprint)
    return out


class Span:
    def __init__(self, label, name, parent, number):
        self.label, self.name, self.parent, self.number = label, name, parent, number
        self.root = parent.root if parent else self
        self.trace = parent.trace if parent else f"T{number}"
        self.open = True
        self.data, self.tags, self.errors = {}, {}, []
        self.op = self.status = self.namespace = self.session = self.session_name = None
        self.isolation = self.current = None
        self.flushed = False


class Hub:
    def __init__(self, scope, client):
        self.stack, self.client = [scope], client

    @property
    def top(self):
        return self.stack[-1]


class Frame:
    """What one block of a task changes."""

    def __init__(self, isolation, current, span, hub):
        self.isolation, self.current, self.span, self.hub = isolation, current, span, hub


class Task:
    def __init__(self, frame):
        self.frames = [frame]
        self.pushed = []  # spans that are active without a block, or roots (recall)
        self.above = []  # what was active where it was started, innermost last
        self.inherited = []  # roots (recall)


class Model:
    def __init__(self, scenario):
        self.scenario = scenario
        self.profile = scenario["profile"]
        self.config = scenario.get("config") or {}
        self.keep = self.config.get("max_breadcrumbs", 100)
        if self.profile == "hubs":
            self.keep = min(self.keep, 100)
        self.clock = itertools.count(1)
        self.glob = self.scope()
        hub = Hub(self.scope(), True)
        frame = Frame(self.scope(), self.scope(), None, hub)
        frame.isolation.trace = "T0"
        initial = self.config.get("initial_scope")
        if initial:
            (hub.top if self.profile == "hubs" else frame.current).update(initial)
        self.tasks = {"main": Task(frame)}
        self.spans, self.saved, self.hubs, self.bound = {}, {}, {}, {}
        self.all_spans, self.closed = [], []
        self.events, self.logs, self.probes, self.transactions, self.flushes = [], [], [], [], []
        self.buffer, self.trace_tags = [], {}
        self.now, self.last_flush = 0, 0

    def scope(self):
        return Scope(self.keep)

    # ---- where we are ----

    @property
    def here(self):
        return self.task.frames[-1]

    def current_span(self):
        """The innermost open span."""
        best = None
        for frame in reversed(self.task.frames):
            if frame.span == "none":
                return None
            if frame.span and frame.span.open:
                best = frame.span
                break
        pushed = [s for s in self.task.pushed if s.open]
        above = [s for s in self.task.above if s.open]
        if self.profile != "recall":
            # Both kinds are one stack, in the order in which they were started.
            return max([s for s in (best, *pushed[-1:]) if s], key=lambda s: s.number,
                       default=above[-1] if above else None)
        own = [s for s in pushed if s not in self.task.inherited]
        return best or (own or above or pushed or [None])[-1]

    def active_spans(self):
        """What a new task falls back to, innermost last."""
        spans = list(self.task.above)
        if self.profile == "recall":
            spans += [s for s in self.task.pushed if s not in self.task.inherited]
        for frame in self.task.frames:
            if frame.span == "none":
                spans = []
            elif frame.span:
                spans.append(frame.span)
        if self.profile == "traces":
            spans = sorted(spans + self.task.pushed, key=lambda s: s.number)
        return [s for s in spans if s.open]

    def root_span(self):
        if self.profile == "recall":
            roots = [s for s in self.task.pushed if s.open]
            return roots[-1] if roots else None
        span = self.current_span()
        return span.root if span else None

    def find_span(self, label):
        if label is None:
            return None
        return self.current_span() if label == "@current" else self.spans[label]

    def where(self, op):
        word = op.get("scope")
        if word and word.startswith("@"):
            return self.saved[word[1:]]
        if self.profile == "hubs":
            return self.here.hub.top
        return {None: self.here.isolation, "top": self.here.isolation, "global": self.glob,
                "isolation": self.here.isolation, "current": self.here.current}[word]

    def probe(self, op, **found):
        if "as" in op:
            self.probes.append({"probe": op["as"], **found})

    def probe_span(self, op):
        span = self.current_span()
        self.probe(op, span=span.label if span else None)

    # ---- running ----

    def run(self):
        for op in self.scenario["ops"]:
            self.step(op)
        return self.result()

    def step(self, op):
        for i in range(op.get("repeat", 1)):
            once = op
            if "repeat" in op:
                once = json.loads(json.dumps(op).replace("{i}", str(i)))
            self.task = self.tasks[once.get("task", "main")]
            getattr(self, "op_" + once["op"].replace(".", "_"))(once)

    def result(self):
        out = {"probes": self.probes}
        if self.profile in ("scopes", "hubs"):
            out["events"] = self.events
        if self.profile == "scopes":
            out.update(transactions=self.transactions, logs=self.logs)
        if self.profile == "traces":
            out["flushes"] = self.flushes
        if self.profile == "recall":
            out["spans"] = [self.recalled(span) for span in self.closed]
            out["open"] = [span.label for span in self.all_spans if span.open]
        return out

    # ---- tasks ----

    def op_spawn(self, op):
        frame = copy.copy(self.here)
        frame.hub = Hub(self.here.hub.top.fork(), self.here.hub.client)
        frame.span = None
        child = Task(frame)
        child.above = self.active_spans()
        if self.profile == "recall":
            child.inherited = [s for s in self.task.pushed if s.open]
            child.pushed = list(child.inherited)
        self.tasks[op["child"]] = child

    def op_join(self, op):
        del self.tasks[op["child"]]

    def op_hop(self, op):
        pass

    # ---- scope data ----

    def op_set_tag(self, op):
        scope = self.where(op)
        value = op["value"]
        if value is not None and not isinstance(value, str):
            value = json.dumps(value)
        scope.put(scope.tags, op["key"], value)

    def op_set_tags(self, op):
        for key, value in op["tags"].items():
            self.op_set_tag({**op, "key": key, "value": value})

    def op_set_extra(self, op):
        scope = self.where(op)
        scope.put(scope.extra, op["key"], op["value"])

    def op_set_extras(self, op):
        for key, value in op["extras"].items():
            self.op_set_extra({**op, "key": key, "value": value})

    def op_set_context(self, op):
        scope = self.where(op)
        scope.put(scope.contexts, op["key"], op["value"])

    def op_set_attribute(self, op):
        scope = self.where(op)
        scope.put(scope.attributes, op["key"], op["value"])

    def op_set_user(self, op):
        self.where(op).set_user(op["user"])

    def op_set_level(self, op):
        self.where(op).level = op["level"]

    def op_set_fingerprint(self, op):
        self.where(op).fingerprint = op["fingerprint"] or []

    def op_set_transaction(self, op):
        self.where(op).transaction = op["name"]

    def op_add_breadcrumb(self, op):
        scope = self.where(op)
        if self.profile == "hubs" and not self.here.hub.client:
            return
        crumb = {k: op[k] for k in ("message", "category", "level", "type", "data") if k in op}
        if "message" in crumb:
            crumb["message"] = crumb["message"].encode()[:2048].decode(errors="ignore")
        scope.crumbs.append((next(self.clock), crumb))
        scope.crumbs = scope.crumbs[len(scope.crumbs) - self.keep:] \
            if len(scope.crumbs) > self.keep else scope.crumbs

    def op_clear(self, op):
        self.where(op).clear()

    def op_clear_breadcrumbs(self, op):
        self.where(op).crumbs = []

    def op_scope_save(self, op):
        self.saved[op["as"]] = self.where(op)

    def op_scope_same(self, op):
        word = op["with"].lstrip("@")
        other = self.saved[word] if word in self.saved else self.where({"scope": word})
        self.probe(op, same=self.where(op) is other)

    # ---- blocks ----

    def enter(self, **changes):
        frame = copy.copy(self.here)
        frame.span = None
        frame.__dict__.update(changes)
        self.task.frames.append(frame)

    def leave(self):
        return self.task.frames.pop()

    def op_scope_begin(self, op):
        if self.profile == "hubs":
            self.here.hub.stack.append(self.here.hub.top.fork())
        else:
            self.enter(current=self.here.current.fork())

    def op_scope_end(self, op):
        if self.profile != "hubs":
            self.leave()
        elif len(self.here.hub.stack) > 1:
            self.here.hub.stack.pop()

    def op_isolation_begin(self, op):
        isolation = self.here.isolation.fork()
        isolation.trace = f"T{next(self.clock)}"
        self.enter(isolation=isolation, current=self.here.current.fork())

    op_isolation_end = op_scope_end

    def op_hub_begin(self, op):
        self.enter(hub=self.hubs[op["hub"]])

    def op_hub_end(self, op):
        self.leave()

    def op_hub_clone(self, op):
        hub = self.hubs[op["from"]] if op.get("from") else self.here.hub
        self.hubs[op["as"]] = Hub(hub.top.fork(), hub.client)

    def op_hub_new(self, op):
        self.hubs[op["as"]] = Hub(self.scope(), op.get("client", True))

    def op_hub_push(self, op):
        hub = self.here.hub
        hub.stack.append(hub.top.fork())
        if "as" in op:
            self.saved[op["as"]] = hub.top

    def op_hub_pop(self, op):
        hub = self.here.hub
        if len(hub.stack) > 1:
            hub.stack.pop()
            self.probe(op, popped=True)
        else:
            self.probe(op, popped=False)

    def op_hub_depth(self, op):
        self.probe(op, depth=len(self.here.hub.stack))

    # ---- spans ----

    def make(self, op, parent):
        span = Span(op.get("as", op["name"]), op["name"], parent, next(self.clock))
        self.spans[span.label] = span
        self.all_spans.append(span)
        span.op = op.get("span_op")
        span.data = dict(op.get("attributes") or {})
        span.tags = {**(parent.tags if parent else {}), **self.trace_tags.get(span.trace, {}),
                     **(op.get("tags") or {})}
        if parent:
            span.session, span.session_name = parent.session, parent.session_name
        else:
            span.session = op.get("session_id") or f"X{span.number}"
            span.session_name = op.get("session_name")
            span.namespace = op.get("namespace", "web")
        span.isolation, span.current = self.here.isolation, self.here.current
        return span

    def parent_of(self, op):
        return self.find_span(op["parent"]) if "parent" in op else self.current_span()

    def op_span_begin(self, op):
        span = self.make(op, self.parent_of(op))
        span.current = self.here.current.fork()
        self.enter(span=span, current=span.current)

    def op_span_end(self, op):
        span = self.here.span
        if "throw" in op and span.open:
            self.fail(span, op["throw"])
        self.leave()
        self.finish(span)

    def op_span_push(self, op):
        span = self.make(op, self.parent_of(op))
        self.task.pushed.append(span)

    def op_span_start(self, op):
        if self.profile != "recall":
            self.make(op, self.parent_of(op))
            return
        root = None if op.get("root") else self.root_span()
        parent = self.find_span(op["parent"]) if op.get("parent") else root
        span = self.make(op, parent)
        if not parent:
            self.task.pushed.append(span)

    def op_span_child(self, op):
        self.make(op, self.find_span(op["parent"]))

    def op_span_finish(self, op):
        self.finish(self.find_span(op["span"]))

    def op_span_enter(self, op):
        span = self.find_span(op["span"])
        if span is None and op["span"] is None:
            span = "none"
        self.enter(span=span, current=self.here.current.fork())
        self.probe_span(op)

    def op_span_leave(self, op):
        if "throw" in op and self.profile == "recall":
            self.op_set_error(op["throw"])
        self.leave()

    def fail(self, span, error):
        span.errors.append({"type": error.get("type", "Error"), "message": error["message"]})
        if self.profile == "scopes":
            span.status = span.status or "internal_error"
        else:
            span.status = "error"

    def op_span_set(self, op):
        span = self.find_span(op["span"])
        if span:
            span.data[op["key"]] = op["value"]

    def op_span_set_tags(self, op):
        span = self.find_span(op["span"])
        if span:
            span.tags.update(op["tags"])

    def op_span_set_name(self, op):
        span = self.find_span(op["span"])
        if span:
            span.name = op["name"]

    def op_span_set_status(self, op):
        span = self.find_span(op["span"])
        if span:
            span.status = op["status"]

    def op_span_set_error(self, op):
        span = self.find_span(op["span"])
        if span:
            self.fail(span, op)

    def op_trace_set_tags(self, op):
        trace = self.find_span(op["of"]).trace
        self.trace_tags.setdefault(trace, {}).update(op["tags"])
        for span in self.all_spans:
            if span.trace == trace and not span.flushed:
                span.tags.update(op["tags"])

    def op_session_set_tags(self, op):
        session = self.find_span(op["of"]).session
        for span in self.all_spans:
            if span.session == session and not span.open and not span.flushed:
                span.tags.update(op["tags"])

    def op_set_error(self, op):
        root = self.root_span()
        if root:
            self.fail(root, op)

    def op_send_error(self, op):
        kind = op.get("type", "Error")
        span = self.make({"name": op.get("as", kind)}, None)
        self.fail(span, op)
        self.finish(span)

    def op_bind(self, op):
        self.bound[op["as"]] = self.current_span()

    def op_call(self, op):
        span = self.bound[op["fn"]]
        if not span or not span.open:
            span = self.current_span()
        self.probe({"as": op["fn"]}, span=span.label if span else None)

    # ---- ends ----

    def finish(self, span):
        if span is None or not span.open:
            return
        span.open = False
        self.closed.append(span)
        trace = [s for s in self.all_spans if s.trace == span.trace]
        if any(s.open for s in trace):
            return
        if self.profile == "scopes" and self.config.get("traces_sample_rate", 1) > 0:
            self.transactions.append(self.transaction(trace[0].root, trace))
        if self.profile == "traces":
            self.buffer += trace
            if len(self.buffer) >= self.config.get("max_spans", 100):
                self.send("max_spans")

    def send(self, reason):
        if not self.buffer:
            return
        self.flushes.append({"reason": reason, "spans": [self.traced(s) for s in self.buffer]})
        for span in self.buffer:
            span.flushed = True
        self.buffer = []
        self.last_flush = self.now

    def op_flush(self, op):
        self.send("explicit")

    def op_shutdown(self, op):
        self.send("shutdown")

    def op_advance(self, op):
        until = self.now + op["ms"]
        while self.now < until:
            self.now = min(self.now + 1000, until)
            if self.now - self.last_flush >= self.config.get("flush_interval", 10) * 1000:
                self.send("interval")

    def op_buffered(self, op):
        traces = {s.trace for s in self.all_spans if s.open}
        begun = {s.trace for s in self.all_spans if not s.open and s.trace in traces}
        self.probe(op, complete=len(self.buffer), open_buckets=len(begun),
                   active_traces=len(traces))

    # ---- probes ----

    def op_current_span(self, op):
        self.probe_span(op)

    def op_root_span(self, op):
        root = self.root_span()
        self.probe(op, span=root.label if root else None)

    def op_current_trace(self, op):
        span = self.current_span()
        self.probe(op, trace=span.trace if span else None)

    def op_current_session(self, op):
        span = self.current_span()
        self.probe(op, session=span.session if span else None)

    # ---- captures ----

    def trace_here(self):
        span = self.current_span()
        if not span:
            return {"trace": self.here.isolation.trace, "span": None, "parent": None}
        return {"trace": span.trace, "span": span.label,
                "parent": span.parent.label if span.parent else None}

    def capture(self, op, event):
        hub = self.here.hub
        if self.profile == "hubs" and not hub.client:
            return
        near = hub.top if self.profile == "hubs" else self.here.current
        if op.get("with"):
            near = near.fork()
            near.update(op["with"])
        scopes = [near] if self.profile == "hubs" else [self.glob, self.here.isolation, near]
        data = merge(scopes, self.keep)
        data.pop("attributes")
        out = copy.deepcopy(event)
        for key in ("tags", "extra", "contexts", "user"):
            out[key] = {**data[key], **(event.get(key) or {})}
        out["fingerprint"] = (event.get("fingerprint") or []) + data["fingerprint"]
        out["breadcrumbs"] = (event.get("breadcrumbs") or []) + data["breadcrumbs"]
        out["level"] = data["level"] or event.get("level")
        out["transaction"] = data["transaction"] or event.get("transaction")
        if self.profile == "scopes":
            out["trace"] = self.trace_here()
        self.events.append(copy.deepcopy(out))

    def op_capture_message(self, op):
        self.capture(op, {"message": op["message"], "level": op.get("level", "info")})

    def op_capture_exception(self, op):
        event = {"exception": [{"type": op.get("type", "Error"), "value": op["message"]}]}
        if self.profile == "scopes":
            event["level"] = "error"
        self.capture(op, event)

    def op_capture_event(self, op):
        event = copy.deepcopy(op["event"])
        if isinstance(event.get("exception"), dict):
            event["exception"] = event["exception"]["values"]
        self.capture(op, event)

    def op_capture_log(self, op):
        data = merge([self.glob, self.here.isolation, self.here.current], self.keep)
        self.logs.append({"level": op["level"], "message": op["message"],
                          "attributes": {**data["attributes"], **(op.get("attributes") or {})},
                          "trace": self.trace_here()["trace"]})

    # ---- what comes out ----

    def below(self, span):
        return {"id": span.label, "name": span.name, "op": span.op,
                "parent": span.parent.label if span.parent else None,
                "status": span.status or "ok", "data": dict(span.data)}

    def transaction(self, root, trace):
        data = merge([self.glob, root.isolation, root.current], self.keep)
        data.pop("attributes")
        data.pop("transaction")
        out = self.below(root)
        out.pop("id")
        out.update(copy.deepcopy(data), root=root.label, trace=root.trace,
                   spans=[self.below(s) for s in trace if s is not root])
        return out

    def traced(self, span):
        return {"id": span.label, "name": span.name, "trace": span.trace,
                "parent": span.parent.label if span.parent else None, "session": span.session,
                "session_name": span.session_name, "tags": dict(span.tags),
                "attributes": dict(span.data), "status": span.status or "ok",
                "error": span.errors[-1] if span.errors else None}

    def recalled(self, span):
        return {"id": span.label, "name": span.name, "kind": "child" if span.parent else "root",
                "parent": span.parent.label if span.parent else None, "trace": span.trace,
                "namespace": span.namespace, "data": span.data, "errors": span.errors}


def run(scenario):
    return Model(scenario).run()


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        json.dump(run(json.load(file)), sys.stdout, indent=1)
    print()
