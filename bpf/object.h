/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The compiled XDP program, as bytes of an ELF object for libbpf. They are part
 * of the library, so that nothing has to be found at run time. Constant.
 */
#ifndef HEADRACE_BPF_OBJECT_H
#define HEADRACE_BPF_OBJECT_H

#include <stddef.h>

extern const unsigned char bpf_object_plain[];
extern const size_t bpf_object_plain_bytes;

/* The variant that takes packets in several buffers. */
extern const unsigned char bpf_object_frags[];
extern const size_t bpf_object_frags_bytes;

#endif
