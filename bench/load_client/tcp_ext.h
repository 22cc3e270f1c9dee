/*
 * What the kernel counts of TCP in this network namespace.
 */
#ifndef HEADRACE_BENCH_LOAD_TCP_EXT_H
#define HEADRACE_BENCH_LOAD_TCP_EXT_H

#include <stdint.h>

/* Ports that connect() took out of TIME-WAIT (net.ipv4.tcp_tw_reuse); 0 when it does not
 * say. */
uint64_t tcp_ext_time_wait_recycled(void);

#endif
