# SPDX-License-Identifier: MIT
"""test_context.py - trace context that comes in, goes on, or is not to be believed (W3C trace context)."""

import os

from lib import check, compile_victim, exchange, free_port, need_program, request

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"

# target -> (headers, continued, sampled)
HEADERS = {
    "/none": ([], False, True),
    "/good": ([f"traceparent: {GOOD}"], True, True),
    "/case": ([f"TraceParent:   {GOOD}  "], True, True),
    "/unsampled": ([f"traceparent: 00-{TRACE}-{PARENT}-00"], True, False),
    "/later-version": ([f"traceparent: 01-{TRACE}-{PARENT}-01-more"], True, True),
    "/upper": ([f"traceparent: 00-{TRACE.upper()}-{PARENT}-01"], False, True),
    "/zero-trace": ([f"traceparent: 00-{'0' * 32}-{PARENT}-01"], False, True),
    "/zero-parent": ([f"traceparent: 00-{TRACE}-{'0' * 16}-01"], False, True),
    "/version-ff": ([f"traceparent: ff-{TRACE}-{PARENT}-01"], False, True),
    "/too-long": ([f"traceparent: {GOOD}-more"], False, True),
    "/short": ([f"traceparent: {GOOD[:-1]}"], False, True),
    "/twice": ([f"traceparent: {GOOD}", f"traceparent: {GOOD}"], False, True),
    "/after-cookies": (["Cookie: " + "c" * 4000, f"traceparent: {GOOD}"], True, True),
}


def incoming(home):
    program = need_program("nginx")
    port = free_port()
    config = home.write("nginx.conf", f"""
daemon off; master_process off; error_log {home.dir}/error.log; pid {home.dir}/pid;
events {{ }}
http {{ access_log off; client_body_temp_path {home.dir}; proxy_temp_path {home.dir}; fastcgi_temp_path {home.dir};
uwsgi_temp_path {home.dir}; scgi_temp_path {home.dir};
server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok"; }} }} }}
""")
    server = home.start([program, "-c", config, "-p", home.dir], port=port)
    for target, (headers, _, _) in HEADERS.items():
        check(b" 200 " in exchange(port, request("GET", target, headers=headers)), f"{target}: no answer")
    state = "vendor=1,other=2"
    exchange(port, request("GET", "/state", headers=[f"traceparent: {GOOD}", f"tracestate: {state}"]))
    long_state = ",".join(f"vendor{number}={'v' * 60}" for number in range(12))
    exchange(port, request("GET", "/long-state", headers=[f"traceparent: {GOOD}", f"tracestate: {long_state}"]))
    home.stop(server)
    raw = {}
    for span in home.spans(well_formed=False):  # parents are elsewhere
        if span.is_http:
            raw[span.request()[1]] = span
    check(set(HEADERS) | {"/state", "/long-state"} == set(raw), f"requests: {sorted(raw)}")
    for target, (_, continued, sampled) in HEADERS.items():
        span = raw[target]
        check((span.trace_id == TRACE) == continued, f"{target}: trace {span.trace_id}")
        check((span.parent_id == PARENT) == continued, f"{target}: parent {span.parent_id!r}")
        check(span.flags & 1 == sampled, f"{target}: flags {span.flags:x}")
        check(bool(span.flags & 0x200) == continued, f"{target}: flags {span.flags:x}")
    check(raw["/state"].trace_state == state, f"tracestate: {raw['/state'].trace_state!r}")
    kept = raw["/long-state"].trace_state
    check(long_state.startswith(kept + ",") and 400 < len(kept) <= 512, f"long tracestate: {kept!r}")


def outgoing(home):
    program, env = compile_victim(home, "hands_on"), need_program("env")
    for how in ("exec", "spawn", "vfork", "system"):
        status, out, _ = home.run([program, how, env], env={"TRACEPARENT": GOOD})
        check(status == 0, f"{how}: status {status}")
        given = [line.partition("=")[2] for line in out.splitlines() if line.startswith("TRACEPARENT=")]
        check(len(given) == 1 and given[0] != GOOD, f"{how}: TRACEPARENT {given}")
        spans = {span.span_id: span for span in home.spans(well_formed=False) if span.name == "hands on"}
        span = spans.get(given[0].split("-")[2])
        check(span and given[0] == f"00-{TRACE}-{span.span_id}-01", f"{how}: {given[0]} is no span of ours")
        check(span.trace_id == TRACE and span.parent_id == PARENT, f"{how}: parent {span.parent_id!r}")


def follow(home):
    program = compile_victim(home, "hands_on")
    env = {"LD_PRELOAD": home.preload}
    for how, child in (("exec", [program, "exec", "/bin/true"]), ("spawn", [program, "exec", "/bin/true"]),
                       ("system", [f"{program} exec /bin/true; true"])):
        for follows, expected in (("1", 2), ("0", 1)):
            if os.path.exists(home.file):
                os.unlink(home.file)
            home.run([program, how, *child], env={**env, "TAGALONG_FOLLOW": follows}, mode="plain")
            seen = sum(span.name == "hands on" for span in home.spans())
            check(seen == expected, f"{how}, TAGALONG_FOLLOW={follows}: {seen} programs traced, not {expected}")


TESTS = [("context/incoming", incoming), ("context/outgoing", outgoing), ("context/follow", follow)]
