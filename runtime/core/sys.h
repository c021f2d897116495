/* SPDX-License-Identifier: MIT */
/*
 * sys.h - system calls without libc: no errno, no cancellation point, no hook.
 *
 * Results are the kernel's: a value, or -errno.  Everything that the library
 * itself asks of the kernel goes through here, because libc's own names are
 * what we interpose and because libc's wrappers write errno.
 *
 * Runs: anywhere, signal handlers and vfork children included.
 */
#ifndef TA_CORE_SYS_H
#define TA_CORE_SYS_H

#include <stdint.h>
#include <sys/syscall.h>

#ifdef __clang_analyzer__ /* it does not know that assembly writes where a number points */
long ta_sys6(long number, long a, long b, long c, long d, long e, long f);
long ta_sys_clone(long flags, void *stack_end, int (*run)(void));
#else
static inline long ta_sys6(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#else
#error "sys.h has no system call for this architecture yet"
#endif
}

/* A child on our memory (CLONE_VM) and a stack of its own, which runs a function and exits with
 * its result: clone(2), of which flags may be any that need no further argument. */
static inline long ta_sys_clone(long flags, void *stack_end, int (*run)(void))
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	register int (*r9)(void) __asm__("r9") = run;
	long result;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%%r9\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n"
			 "1:"
			 : "=a"(result)
			 : "a"(SYS_clone), "D"(flags), "S"(stack_end), "d"(0), "r"(r10), "r"(r8),
			   "r"(r9), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory", "cc");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_clone;
	register long x0 __asm__("x0") = flags;
	register void *x1 __asm__("x1") = stack_end;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	register int (*x9)(void) __asm__("x9") = run;

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "blr x9\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc 0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x9), [exit] "i"(SYS_exit)
			 : "memory", "cc");
	return x0;
#endif
}
#endif

#define TA_SYS_PICK(_1, _2, _3, _4, _5, _6, _7, count, ...) count
#define ta_sys(...)                                                                                \
	TA_SYS_PICK(__VA_ARGS__, TA_SYS_6, TA_SYS_5, TA_SYS_4, TA_SYS_3, TA_SYS_2, TA_SYS_1,        \
		    TA_SYS_0)                                                                      \
	(__VA_ARGS__)
#define TA_SYS_0(n) ta_sys6(n, 0, 0, 0, 0, 0, 0)
#define TA_SYS_1(n, a) ta_sys6(n, (long)(a), 0, 0, 0, 0, 0)
#define TA_SYS_2(n, a, b) ta_sys6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define TA_SYS_3(n, a, b, c) ta_sys6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define TA_SYS_4(n, a, b, c, d) ta_sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define TA_SYS_5(n, a, b, c, d, e)                                                                 \
	ta_sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define TA_SYS_6(n, a, b, c, d, e, f)                                                              \
	ta_sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
