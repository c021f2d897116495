# SPDX-License-Identifier: MIT
"""browser.py - a headless Chromium, spoken to by its DevTools protocol over two pipes.

    with Browser(place) as browser:
        page = browser.page("file:///...", width=1280, height=800)
        page.run("document.title")

No name resolves and nothing but the page's own file may be asked for: what a page asked for,
said on its console or was refused by its Content-Security-Policy is in page.requests,
page.console and page.problems.
"""

import base64
import json
import os
import select
import signal
import subprocess
import time

import lib

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
         "--disable-quic", "--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-pipe",
         "--host-resolver-rules=MAP * ~NOTFOUND")
PATIENCE = 90


class Browser:
    def __init__(self, place):
        program = lib.need_program("chromium", "chromium-browser", "google-chrome")
        to_read, self.to = os.pipe()
        self.of, to_write = os.pipe()
        shift = [os.dup(to_read), os.dup(to_write)]  # out of the way of 3 and 4

        def arrange():
            high = [os.dup2(shift[0], 98), os.dup2(shift[1], 99)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)
            os.close(98)
            os.close(99)

        env = {key: value for key, value in os.environ.items() if not key.startswith(("LD_", "TAGALONG_"))}
        env.update(HOME=place, LANG="C.UTF-8", TZ="UTC")
        self.log = open(os.path.join(place, "chromium.log"), "wb")
        self.process = subprocess.Popen([program, *FLAGS, f"--user-data-dir={place}/profile", "about:blank"], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, close_fds=False, preexec_fn=arrange,
                                        start_new_session=True, env=env)
        for fd in (to_read, to_write, *shift):
            os.close(fd)
        self.rest, self.number, self.answers, self.pages = b"", 0, {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.to)
        os.close(self.of)
        self.log.close()

    def send(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        return self.number

    def take(self, seconds):
        """Reads what came within seconds; False when there was nothing."""
        if not select.select([self.of], [], [], seconds)[0]:
            return False
        part = os.read(self.of, 1 << 20)
        lib.check(part, "the browser has ended")
        self.rest += part
        *messages, self.rest = self.rest.split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].event(message["method"], message["params"])
        return True

    def call(self, method, session=None, **parameters):
        number = self.send(method, session, **parameters)
        end = time.monotonic() + PATIENCE
        while number not in self.answers:
            lib.check(time.monotonic() < end, f"the browser does not answer {method}")
            self.take(1)
        answer = self.answers.pop(number)
        lib.check("error" not in answer, f"{method}: {answer.get('error')}")
        return answer["result"]

    def page(self, url, width=1280, height=800, dark=False, script=None):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session, target)
        page.start(url, width, height, dark, script)
        return page


class Page:
    def __init__(self, browser, session, target):
        self.browser, self.session, self.target = browser, session, target
        self.requests, self.console, self.problems, self.loaded = [], [], [], False

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def start(self, url, width, height, dark, script):
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.media(dark=dark)
        if script:
            self.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        self.call("Page.navigate", url=url)
        end = time.monotonic() + PATIENCE
        while not self.loaded:
            lib.check(time.monotonic() < end, f"{url} does not load")
            self.browser.take(1)

    def event(self, method, params):
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"][:200])
        elif method == "Runtime.consoleAPICalled":
            self.console.append(str(params["args"])[:300])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"])[:600])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(params["entry"]["text"][:300])
        elif method == "Audits.issueAdded":
            code = params["issue"]["code"]
            if "ContentSecurityPolicy" in code:
                self.problems.append(json.dumps(params["issue"])[:400])

    def media(self, dark=False, kind=""):
        self.call("Emulation.setEmulatedMedia", media=kind,
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def run(self, text):
        """The value of an expression; promises are waited for."""
        found = self.call("Runtime.evaluate", expression=text, returnByValue=True, awaitPromise=True)
        lib.check("exceptionDetails" not in found, f"{text[:80]}: {str(found.get('exceptionDetails'))[:300]}")
        return found["result"].get("value")

    def until(self, text, what, seconds=20):
        return lib.wait_until(lambda: self.run(f"Boolean({text})"), seconds, what, 0.05)

    def settle(self):
        # A page that is not in front draws nothing: then a moment has to do.
        self.run("new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0))); setTimeout(done, 500); })")

    def key(self, key, code=None, text=None):
        codes = {"ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Enter": 13, "Escape": 27, "Home": 36,
                 "End": 35, "PageDown": 34, "Tab": 9}
        more = {"windowsVirtualKeyCode": codes[key]} if key in codes else {"text": text or key}
        if key == "Enter":
            more["text"] = "\r"
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=code or key, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=code or key)
        self.settle()

    def click(self, selector):
        box = self.run(f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
                       " return [box.x + box.width / 2, box.y + box.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)
        self.settle()

    def go(self, address):
        self.run(f"location.hash = {json.dumps(address)}")
        self.settle()

    def field(self, selector, value):
        """As somebody who types or chooses."""
        self.run(f"(() => {{ const field = document.querySelector({json.dumps(selector)}); field.value = {json.dumps(value)};"
                 " field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true })); })()")
        self.run("new Promise((done) => setTimeout(done, 90))")
        self.settle()

    def shot(self, path):
        self.settle()
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        with open(path, "wb") as file:
            file.write(data)

    def pdf(self):
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
        self.browser.pages.pop(self.session, None)
