# SPDX-License-Identifier: MIT
"""test_page.py - a recorded run in the page: what stands there is what the file says."""

import collections
import json
import subprocess

import pages
from lib import check, compare
from pages import check_quiet, found, open_page, shop, texts

SERVER, CLIENT, ERROR = 2, 3, 2


def service(span):
    return span.resource["service.name"].removeprefix("unknown_service:")


def opens(home):
    run = shop(home)
    page = open_page(run.html)
    check(found(page) == (len(run.traces),) * 2, f"{found(page)} traces, not {len(run.traces)}")
    about = page.run("document.getElementById('about').textContent")
    check(f"{len(run.spans):,} spans in {len(run.traces):,} traces" in about, about)
    for address in ("#/names", "#/map", "#/events", "#/traces", "#/trace/00", "#/nonsense/%00"):
        page.go(address)
        check(page.run("document.querySelectorAll('main > section:not([hidden])').length") == 1, f"{address}: no view")
    check_quiet(page, run.html)
    page.close()


def shown_by_show(run, *options):
    done = subprocess.run([run.home.tagalong, "show", "--limit", "0", "--color", "never", *options, run.home.file],
                          capture_output=True, text=True, timeout=60, env=run.home.environment())
    return sum(text.startswith("trace ") for text in done.stdout.splitlines())


def filters(home):
    run = shop(home)
    page = open_page(run.html)

    def count(test):
        return sum(any(test(span) for span in spans) for spans in run.traces.values())

    def same(field, value, truth, *options):
        page.field(field, value)
        check(found(page)[0] == truth, f"{field} {value}: {found(page)[0]} traces, not {truth}")
        if options:
            check(shown_by_show(run, *options) == truth, f"show {options}: {shown_by_show(run, *options)}, not {truth}")
        page.field(field, "")

    same("#filter-service", "prices", count(lambda span: service(span) == "prices"))
    same("#filter-name", "GET*", count(lambda span: span.name.startswith("GET")), "--name", "GET*")
    same("#filter-name", "cart", count(lambda span: "cart" in span.name), "--name", "cart")
    same("#filter-status", "error", count(lambda span: span.status == ERROR), "--errors")
    same("#filter-status", "4xx", count(lambda span: 400 <= span.attrs.get("http.response.status_code", 0) < 500))
    same("#filter-min", "5ms", count(lambda span: span.end - span.start >= 5000000), "--min-duration", "5ms")
    same("#filter-tag", "tenant=acme", count(lambda span: span.attrs.get("tagalong.tag.tenant") == "acme"))
    same("#filter-tag", "nobody", 0)
    same("#search", "ref=mail", count(lambda span: "ref=mail" in json.dumps(span.attrs)))
    same("#search", next(iter(run.traces)), 1)
    page.field("#filter-min", "soon")
    check(page.run("document.getElementById('filter-min').getAttribute('aria-invalid')") == "true", "a bad duration is not said to be one")
    page.field("#filter-min", "")
    page.field("#filter-service", "shop")
    page.field("#filter-status", "5xx")
    truth = count(lambda span: service(span) == "shop" and span.attrs.get("http.response.status_code", 0) >= 500)
    check(0 < truth == found(page)[0], f"two conditions: {found(page)[0]}, not {truth}")
    check_quiet(page, run.html)
    page.close()


def trace(home):
    run = shop(home)
    spans = max(run.traces.values(), key=len)
    page = open_page(run.html, f"#/trace/{spans[0].trace_id}")
    rows = len(spans)
    page.until(f"document.querySelectorAll('#spans .row').length === {rows}", f"{rows} rows")
    path, seen = [], {}
    for number in range(rows):
        told = page.run("(() => { const row = document.querySelector('#spans .row[aria-selected=true]');"
                        " return { level: Number(row.getAttribute('aria-level')), name: row.querySelector('.main').textContent,"
                        " id: document.querySelector('#panel .copy').textContent,"
                        " pairs: [...document.querySelectorAll('#panel .section:not(:last-child) .pairs tr')].map((row) => [row.cells[0].textContent, row.cells[1].textContent]) }; })()")
        path[told["level"] - 1:] = [told["id"]]
        seen[told["id"]] = path[-2] if len(path) > 1 else ""
        span = run.by_id[told["id"]]
        check(span.name == told["name"], f"row {number}: {told['name']}, not {span.name}")
        pairs = dict(told["pairs"])
        for key, value in span.attrs.items():
            check(pairs.get(key.removeprefix("tagalong.tag.")) == str(value).replace("True", "true"), f"{span.name}: {key} is {pairs.get(key)!r}, not {value!r}")
        page.key("ArrowDown")
    compare("parents", {(span.span_id, span.parent_id) for span in spans}, set(seen.items()))
    check_quiet(page, run.html)
    page.close()


def keys(home):
    run = shop(home)
    page = open_page(run.html)
    for key, view in (("2", "names"), ("3", "map"), ("4", "events"), ("1", "traces")):
        page.key(key)
        page.until(f"document.body.dataset.view === '{view}'", f"{key} shows {view}")
    page.key("/")
    page.until("document.activeElement.id === 'search'", "/ goes to the search")
    page.key("x")
    check(page.run("document.getElementById('search').value") == "x", "what is typed gets into the field")
    page.field("#search", "")
    page.field("#filter-service", "prices")
    page.key("Escape")
    page.run("document.getElementById('traces').focus()")
    page.key("ArrowDown")
    check(page.run("document.querySelector('#traces .row[aria-selected=true]').dataset.index") == "1", "an arrow goes to another row")
    page.key("End")
    page.key("Home")
    page.key("Enter")
    page.until("document.body.dataset.view === 'trace' && document.activeElement.id === 'spans'", "enter opens a trace")
    rows = page.run("document.querySelectorAll('#spans .row').length")
    page.key("ArrowLeft")
    folded = page.run("document.querySelectorAll('#spans .row').length")
    page.key("ArrowRight")
    check(folded < rows == page.run("document.querySelectorAll('#spans .row').length"), f"folding: {rows} rows, {folded} when folded")
    wide = "document.querySelector('#spans .span-bar').getBoundingClientRect().width"
    scale = "document.querySelector('.scale').textContent"
    before = page.run(scale)
    page.key("+")
    check(page.run(scale) != before and page.run(wide) > 0, "+ does not come closer")
    page.key("0")
    check(page.run(scale) == before, "0 does not show all of it")
    page.key("?")
    check(page.run("document.getElementById('help').open"), "? does not explain the keys")
    page.key("Escape")
    page.run("document.getElementById('help').close()")
    page.key("Escape")
    page.until("document.body.dataset.view === 'traces'", "escape goes back")
    check_quiet(page, run.html)
    page.close()


def crashed(home):
    run = shop(home)
    event = next(event for event in run.events if event.is_crash)
    page = open_page(run.html, "#/events")
    page.until("document.querySelector('#event-page h1')", "the page of the crash")
    check(page.run("document.querySelector('#event-page h1').textContent") == f"{event.type}: {event.message}", "the headline")
    threads = page.run("[...document.querySelectorAll('#event-page .thread')].map((thread) => [...thread.querySelectorAll('.function')].map((node) => node.textContent))")
    check(len(threads) == len(event.threads) >= 2, f"{len(threads)} threads, not {len(event.threads)}")
    for number, functions in enumerate(threads):
        wanted = [frame.get("function") or frame["instruction_addr"] for frame in event.frames(number)]
        check(functions == wanted, f"thread {number}: {functions}, not {wanted}")
    check(threads[0][:3] == ["price_of", "charge", "main"], f"the stack: {threads[0]}")
    check("return item->price;" in texts(page, "#event-page .source .here code")[0], "the line of source")
    crumbs = texts(page, "#event-page .crumbs tr")
    check(any("bank asked" in crumb for crumb in crumbs), f"breadcrumbs: {crumbs}")
    check("tenant" in page.run("document.getElementById('event-page').textContent"), "no tags")
    page.run("document.querySelector('#event-page header a').click()")
    page.until("document.body.dataset.view === 'trace'", "the way to its span")
    check(page.run("document.querySelector('#spans .row[aria-selected=true] .main').textContent") == "order", "not its span")
    check(page.run("document.querySelectorAll('#panel .captured.level-fatal').length") == 1, "the span does not show its crash")
    check_quiet(page, run.html)
    page.close()


def names(home):
    run = shop(home)
    groups = collections.Counter((service(span), span.name, span.kind) for span in run.spans)
    kinds = ["unspecified", "internal", "server", "client"]
    page = open_page(run.html, "#/names", height=2400)
    page.run("document.getElementById('names-list').focus()")
    shown = page.run("Number(document.querySelector('#names-list .row')?.getAttribute('aria-setsize'))")
    check(shown == len(groups), f"{shown} names, not {len(groups)}")
    rows = page.run("[...document.querySelectorAll('#names-list .row')].map((row) => [row.querySelector('.service').textContent,"
                    " row.querySelector('.main').textContent, row.querySelector('.hint').textContent, Number(row.children[1].textContent.replaceAll(',', ''))])")
    told = {(row[0], row[1], kinds.index(row[2])): row[3] for row in rows}
    check(len(told) >= min(len(groups), 30), f"only {len(told)} rows")
    for key, count in told.items():
        check(groups[key] == count, f"{key}: {count}, not {groups[key]}")
    page.key("Home")
    for row in rows[:8]:
        totals = page.run("(({ latencyTotal, rateTotal }) => [Number(latencyTotal), Number(rateTotal)])(document.getElementById('name-charts').dataset)")
        check(totals == [row[3], row[3]], f"{row[:2]}: charts of {totals}, not {row[3]}")
        bars = page.run("[...document.querySelectorAll('#name-charts .chart')].map((chart) => chart.querySelectorAll('.bar').length)")
        check(len(bars) == 2 and min(bars) > 0, f"{row[:2]}: {bars} bars")
        page.key("ArrowDown")
    check_quiet(page, run.html)
    page.close()


def calls(run):
    """Who calls whom, by the rules of docs/report.md, told from the file."""
    edges, answered = collections.Counter(), set()
    for span in run.spans:
        parent = run.by_id.get(span.parent_id)
        if not parent:
            if span.kind == SERVER:
                edges["clients", service(span)] += 1
        elif service(parent) != service(span) or (parent.kind == CLIENT and span.kind == SERVER):
            edges[service(parent), service(span)] += parent.kind != CLIENT or parent.span_id not in answered
            answered.add(parent.span_id)
    for span in run.spans:
        if span.kind == CLIENT and span.span_id not in answered and not span.name.startswith(("tcp connect", "dns lookup", "unix connect")):
            edges[service(span), f"{span.attrs['server.address']}:{span.attrs['server.port']}"] += 1
    return edges


def service_map(home):
    run = shop(home)
    page = open_page(run.html, "#/map")
    page.until("document.getElementById('calls')", "the table of calls")
    told = page.run("[...document.querySelectorAll('#calls tbody tr')].map((row) => [row.dataset.from, row.dataset.to, Number(row.dataset.count)])")
    truth = calls(run)
    check(truth["nginx", "shop"] > 0 and truth["shop", "prices"] > 0, f"the run shows no calls: {truth}")
    check({(a, b): count for a, b, count in told} == dict(truth), f"calls: {told}, not {dict(truth)}")
    check(page.run("document.querySelectorAll('#view-map .edge').length") == len(truth), "lines in the picture")
    check_quiet(page, run.html)
    page.close()


def colours(home):
    run = shop(home)
    back = "getComputedStyle(document.body).backgroundColor"
    page = open_page(run.html)
    light = page.run(back)
    page.media(dark=True)
    page.until(f"{back} !== '{light}'", "the system's dark is followed")
    dark = page.run(back)
    page.click("#theme")
    check(page.run(back) == light, "the switch makes it light")
    page.key("t")
    check(page.run(back) == dark, "the key makes it dark")
    page.close()
    page = open_page(run.html, dark=True)
    check(page.run(back) == dark, "dark from the beginning")
    check_quiet(page, run.html)
    page.close()


def printed(home):
    run = shop(home)
    page = open_page(run.html)
    page.call("Emulation.setEmulatedMedia", media="print", features=[])
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    rows = page.run("document.querySelectorAll('#traces .row').length")
    check(rows == min(400, len(run.traces)), f"{rows} rows on paper, of {len(run.traces)}")
    check(page.run("getComputedStyle(document.querySelector('nav')).display") == "none", "the fields are printed")
    page.run("window.dispatchEvent(new Event('afterprint'))")
    page.call("Emulation.setEmulatedMedia", media="", features=[])
    pdf = page.pdf()
    sheets = pdf.count(b"/Type /Page") - pdf.count(b"/Type /Pages")
    check(pdf.startswith(b"%PDF") and sheets >= min(400, len(run.traces)) // 60, f"{sheets} sheets for {len(run.traces)} traces")
    check_quiet(page, run.html)
    page.close()


def narrow(home):
    run = shop(home)
    page = open_page(run.html, width=390, height=800)
    for address in ("#/traces", f"#/trace/{run.spans[0].trace_id}", "#/names", "#/map", "#/events"):
        page.go(address)
        wide = page.run("document.documentElement.scrollWidth")
        check(wide <= 390, f"{address} is {wide} wide in a window of 390")
    page.go(f"#/trace/{run.spans[0].trace_id}")
    check(page.run("document.getElementById('panel').getBoundingClientRect().height") > 100, "no room for the span")
    check_quiet(page, run.html)
    page.close()


TESTS = [("page/opens", opens), ("page/filters", filters), ("page/trace", trace), ("page/keys", keys), ("page/crash", crashed),
         ("page/names", names), ("page/map", service_map), ("page/colours", colours), ("page/printed", printed),
         ("page/narrow", narrow)]
