/*
 * Whether the interface is still there. The kernel says so only to those who listen: to a
 * port on an interface that was removed it looks as if nobody sent anything any more.
 *
 * Main's thread.
 */
#ifndef HEADRACE_BENCH_REFLECTOR_LINK_H
#define HEADRACE_BENCH_REFLECTOR_LINK_H

#include <stdbool.h>
#include <stdint.h>

/* A descriptor that is readable when something has become of any interface; to be opened
 * before the one in question is used. Or -1, and errno. */
int link_watch(void);

/* Takes what there is to read, and asks. */
bool link_is_gone(int watch, uint32_t ifindex);

#endif
