/* SPDX-License-Identifier: MIT */
/*
 * throws.cc - programs that die of C++ exceptions, and some that do not.
 *
 *     throws HOW [set]     set: with a terminate handler of its own
 */
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

namespace shop {
struct OutOfStock : std::runtime_error {
	using std::runtime_error::runtime_error;
};
template <class T> struct Wrapped : T {
	using T::T;
};
}

struct Worded : std::exception {
	std::string text = "worded by itself";
	const char *what() const noexcept override { return text.c_str(); }
};

struct Left { virtual ~Left() = default; long left = 1; };
struct Several : Left, virtual std::logic_error {
	Several() : std::logic_error("one of several bases") {}
};
struct Plain { int number = 1; };
struct Liar : private std::runtime_error { Liar() : std::runtime_error("not told") {} };

__attribute__((noinline)) static void raise_it() { throw shop::OutOfStock("no apples"); }
static void promised() noexcept { raise_it(); }

static void say_and_abort() { std::abort(); }

static void throw_one(const std::string &how)
{
	if (how == "runtime") throw std::runtime_error("hello");
	if (how == "derived") raise_it();
	if (how == "template") throw shop::Wrapped<shop::OutOfStock>("in a template");
	if (how == "worded") throw Worded();
	if (how == "several") throw Several();
	if (how == "plain") throw Plain();
	if (how == "liar") throw Liar();
	if (how == "int") throw -42;
	if (how == "text") throw "a bare text";
	if (how == "string") throw std::string("a string");
	if (how == "alloc") throw std::bad_alloc();
	if (how == "system") throw std::system_error(2, std::generic_category(), "open");
	if (how == "long") throw std::runtime_error(std::string(5000, 'x'));
	if (how == "broken") {
		auto *error = new (__builtin_alloca(64)) std::runtime_error("soon broken");
		try { throw *error; } catch (std::runtime_error &caught) {
			reinterpret_cast<char **>(&caught)[1] = reinterpret_cast<char *>(8);
			throw;
		}
	}
}

static int catch_many(int count)
{
	int caught = 0;

	for (int i = 0; i < count; i++)
		try { raise_it(); } catch (const std::exception &) { caught++; }
	return caught == count ? 0 : 1;
}

int main(int argc, char **argv)
{
	std::string how = argc > 1 ? argv[1] : "";

	if (argc > 2)
		std::set_terminate(say_and_abort);
	throw_one(how);
	if (how == "noexcept") promised();
	if (how == "rethrow") try { raise_it(); } catch (...) { throw; }
	if (how == "pointer") {
		std::exception_ptr kept;
		try { raise_it(); } catch (...) { kept = std::current_exception(); }
		std::rethrow_exception(kept);
	}
	if (how == "thread") { std::thread thread(raise_it); thread.join(); }
	if (how == "joinable") std::thread thread([] { for (;;) std::this_thread::yield(); });
	if (how == "caught-abort") try { raise_it(); } catch (...) { std::abort(); }
	if (how == "after-abort") { catch_many(3); std::abort(); }
	if (how == "caught") return catch_many(20);
	return 0;
}
