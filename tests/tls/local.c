/* SPDX-License-Identifier: MIT */
/*
 * local.c - opens a module that is linked with a TLS library, for itself only (RTLD_LOCAL),
 * and runs it: nothing after us in the global scope has the library's functions.
 */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	void *module = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	int (*run)(void) = module ? (int (*)(void))dlsym(module, "tls_main") : NULL;

	if (run == NULL) {
		printf("%s\n", dlerror());
		return 1;
	}
	return run();
}
