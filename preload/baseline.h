/* SPDX-License-Identifier: MIT */
/*
 * baseline.h - old symbol versions, so that one build loads on older systems.
 *
 * glibc 2.34 moved these from libdl and libpthread into libc; it still answers to
 * the versions that they had before.
 *
 * Weak: what other libcs do not have.  LD_PRELOAD reaches programs that are linked with
 * musl, too; they would not start if a name were missing, and have nothing of us so (init.c).
 */
#ifndef TA_PRELOAD_BASELINE_H
#define TA_PRELOAD_BASELINE_H

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#pragma weak dlvsym
#pragma weak dladdr1
#pragma weak on_exit
#pragma weak __pthread_register_cancel
#pragma weak __pthread_unregister_cancel

#if defined(__x86_64__)
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
__asm__(".symver dlvsym, dlvsym@GLIBC_2.2.5");
__asm__(".symver dladdr, dladdr@GLIBC_2.2.5");
__asm__(".symver dladdr1, dladdr1@GLIBC_2.3.3");
__asm__(".symver dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver dlclose, dlclose@GLIBC_2.2.5");
__asm__(".symver dlerror, dlerror@GLIBC_2.2.5");
__asm__(".symver pthread_key_create, pthread_key_create@GLIBC_2.2.5");
__asm__(".symver pthread_key_delete, pthread_key_delete@GLIBC_2.2.5");
__asm__(".symver pthread_setspecific, pthread_setspecific@GLIBC_2.2.5");
__asm__(".symver __pthread_register_cancel, __pthread_register_cancel@GLIBC_2.3.3");
__asm__(".symver __pthread_unregister_cancel, __pthread_unregister_cancel@GLIBC_2.3.3");
__asm__(".symver __pthread_unwind_next, __pthread_unwind_next@GLIBC_2.3.3");
#elif defined(__aarch64__)
__asm__(".symver dlsym, dlsym@GLIBC_2.17");
__asm__(".symver dlvsym, dlvsym@GLIBC_2.17");
__asm__(".symver dladdr, dladdr@GLIBC_2.17");
__asm__(".symver dladdr1, dladdr1@GLIBC_2.17");
__asm__(".symver dlopen, dlopen@GLIBC_2.17");
__asm__(".symver dlclose, dlclose@GLIBC_2.17");
__asm__(".symver dlerror, dlerror@GLIBC_2.17");
__asm__(".symver pthread_key_create, pthread_key_create@GLIBC_2.17");
__asm__(".symver pthread_key_delete, pthread_key_delete@GLIBC_2.17");
__asm__(".symver pthread_setspecific, pthread_setspecific@GLIBC_2.17");
__asm__(".symver __pthread_register_cancel, __pthread_register_cancel@GLIBC_2.17");
__asm__(".symver __pthread_unregister_cancel, __pthread_unregister_cancel@GLIBC_2.17");
__asm__(".symver __pthread_unwind_next, __pthread_unwind_next@GLIBC_2.17");
#endif

#endif
