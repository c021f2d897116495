# SPDX-License-Identifier: MIT
"""test_odd.py - stacks that are not in order, and what a process said when it died."""

from lib import frames, functions, line_of, want

DEBUG = ("-O0", "-g")
FAST = ("-O3", "-g", "-fomit-frame-pointer")


def plain(home, flags, *args, live=True):
    return home.ask(home.request(home.compile("plain.c", *flags), *args, live=live))


def both(home, check):
    for flags in (DEBUG, FAST):
        for live in (False, True):
            check(flags, live)


def null_call(home):
    def check(flags, live):
        found = plain(home, flags, "null", live=live)
        newest = frames(found)
        want(int(newest[0]["instruction_addr"], 16) == 0 and "package" not in newest[0], f"{newest[0]}")
        want(newest[1]["function"] == "call_null", f"{functions(found)}")
        want(newest[1]["lineno"] == line_of("plain.c", "null line"), f"{newest[1]}")
        want("main" in functions(found), f"{functions(found)}")
    both(home, check)


def wild_jump(home):
    def check(flags, live):
        found = plain(home, flags, "wild", live=live)
        want(int(frames(found)[0]["instruction_addr"], 16) == 0x1234567890, f"{frames(found)[0]}")
        want(functions(found)[1] == "call_wild" and "main" in functions(found), f"{functions(found)}")
    both(home, check)


def overflow(home):
    found = plain(home, DEBUG, "overflow", live=True)
    names = functions(found)
    want(len(names) == 256 and found["truncated"], f"{len(names)} frames")
    want(set(names[:192]) == {"dive"}, f"{set(names[:192])}")
    want("main" in names[192:], f"the oldest are {names[-4:]}")
    omitted = found["threads"][0]["frames_omitted"]
    want(omitted[0] == 64 and omitted[1] > 1000, f"omitted {omitted}")
    found = plain(home, DEBUG, "overflow", live=False)
    want(set(functions(found)) == {"dive"} and found["truncated"], "the copy")


def overflow_in_thread(home):
    found = plain(home, DEBUG, "overflow", "thread", live=True)
    want(functions(found)[0] == "dive" and "in_thread" in functions(found), f"{functions(found)[-4:]}")
    want(any("main" in functions(found, i) for i in range(len(found["threads"]))), "the main thread")


def smashed(home):
    def check(flags, live):
        found = plain(home, flags, "smash", live=live)
        newest = frames(found)
        want(newest[0]["function"] == "smash", f"{functions(found)}")
        guessed = [frame for frame in newest if frame.get("trust") == "scan"]
        want(guessed and "function" in guessed[0], f"{functions(found)}")
    both(home, check)


def in_handler(home):
    def check(flags, live):
        found = plain(home, flags, "handler", live=live)
        names = functions(found)
        want(names[0] == "write_nowhere" and names[2] == "<signal handler called>", f"{names}")
        # The interrupted stack is another one than the handler's, which was copied.
        if live:
            want("crash_in_handler" in names and "main" in names, f"{names}")
    both(home, check)


def abort_messages(home):
    found = plain(home, DEBUG, "assert")
    want("Assertion `zero == 1' failed." in found.get("abort_message", ""), f"{found.get('abort_message')}")
    found = plain(home, DEBUG, "free")
    want(found.get("abort_message") == "free(): invalid pointer", f"{found.get('abort_message')}")
    want("abort_message" not in plain(home, DEBUG, "segv"), "a message out of nothing")


def exceptions(home):
    for flags in (("-O0", "-g"), ("-O2",)):
        victim = home.compile("thrown.cc", *flags)
        for number, wanted in (("1", {"type": "std::runtime_error", "value": "no basket"}),
                               ("2", {"type": "shop::out_of_stock", "value": "no more pears: 2"}),
                               ("3", {"type": "shop::strange"}),
                               ("4", {"type": "int", "value": "42"}),
                               ("5", {"type": "char const*", "value": "a text"}),
                               ("caught", None)):
            found = home.ask(home.request(victim, number, live=True))
            want(found.get("exception") == wanted, f"{number}: {found.get('exception')}, not {wanted}")


def demangled(home):
    found = home.ask(home.request(home.compile("thrown.cc", "-O0", "-g"), "1", live=True))
    added = [frame for frame in frames(found) if "Basket" in frame.get("function", "")]
    want(len(added) == 1 and added[0]["function"].startswith("shop::Basket<"), f"{functions(found)}")
    want(added[0]["raw_function"].startswith("_ZN4shop6Basket"), f"{added[0]}")
    want(added[0]["lineno"] == line_of("thrown.cc", "runtime line"), f"{added[0]['lineno']}")


def images(home):
    victim = home.compile("plain.c", *DEBUG, "-Wl,--build-id=0xc0bcc3f19827fe6530580011223344556677ffee")
    found = home.ask(home.request(victim, "segv"))
    ours = [image for image in found["images"] if image["code_file"] == victim]
    want(len(ours) == 1, f"{len(ours)} images of the program")
    image = ours[0]
    want(image["code_id"] == "c0bcc3f19827fe6530580011223344556677ffee", image["code_id"])
    want(image["debug_id"] == "f1c3bcc0-2798-65fe-3058-001122334455", image["debug_id"])
    at = int(frames(found)[0]["instruction_addr"], 16)
    low = int(image["image_addr"], 16)
    want(low <= at < low + image["image_size"] and image["type"] == "elf", f"{image}")
    victim = home.compile("plain.c", *DEBUG, "-Wl,--build-id=none")
    found = home.ask(home.request(victim, "segv"))
    image = [image for image in found["images"] if image["code_file"] == victim][0]
    want("code_id" not in image and image["debug_id"].strip("0-"), f"{image}")


TESTS = [("null-call", null_call), ("wild-jump", wild_jump), ("overflow", overflow),
         ("overflow-in-thread", overflow_in_thread), ("smashed", smashed), ("in-handler", in_handler),
         ("abort-messages", abort_messages), ("exceptions", exceptions), ("demangled", demangled),
         ("images", images)]
