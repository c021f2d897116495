/* SPDX-License-Identifier: MIT */
/*
 * object.c - what tests/fuzz/object.c changes bytes of: code with names, lines, inlined
 * functions, a loop of types, and unwind rules that are computed.
 *
 * The files beside it were made of it once, and stay: inputs name places in them.
 *
 *     gcc -g -O2 -gdwarf-5 -shared -nostdlib -fPIC -fasynchronous-unwind-tables -Wl,--build-id \
 *         -Wl,-zmax-page-size=4096 -Wl,-znoseparate-code -Wl,--hash-style=gnu -o gcc.elf object.c
 *
 * and clang.elf by clang with -gdwarf-4; both with -ffile-prefix-map=$PWD=/src.
 */
struct node {
	struct node *next;
	long value;
};

long side(long value);

static inline __attribute__((always_inline)) long add(const struct node *node)
{
	return node->value + side(node->value);
}

static inline __attribute__((always_inline)) long walk(const struct node *node)
{
	long sum = 0;

	for (; node; node = node->next)
		sum += add(node);
	return sum;
}

__attribute__((noinline)) long side(long value)
{
	__asm__ volatile("");
	return value * 3;
}

__attribute__((noinline)) long outer(const struct node *node)
{
	return walk(node) + 1;
}

long _ZN4shop4CartC1Ev(struct node *node);
long _ZN4shop4CartC1Ev(struct node *node)
{
	return outer(node) ? outer(node->next) : side(1);
}

#if defined(__x86_64__)
/* The frame's address by an expression: breg7 rsp+8, and one with a branch. */
__asm__(".text\n.globl computed\n.type computed, @function\ncomputed:\n.cfi_startproc\n"
	".cfi_escape 0x0f, 0x02, 0x77, 0x08\n"
	"nop\nnop\n"
	".cfi_escape 0x0f, 0x0b, 0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22\n"
	"ret\n.cfi_endproc\n.size computed, .-computed\n");
#endif
