/*
 * SipHash-2-4 (Aumasson and Bernstein 2012): the keyed function behind ISNs
 * (RFC 6528), timestamp offsets and port choice. Pure.
 */
#ifndef HEADRACE_TCP_SIPHASH_H
#define HEADRACE_TCP_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash_2_4(const uint64_t key[2], const void *data, size_t length);

#endif
