/*
 * What scripts set by `sysctl net.ipv4.tcp_...` and what of it the stack has: read anew when a
 * socket is made, from the folder of those files.
 *
 * What the stack has no setting for is left, and said (untold.h).
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_SYSCTL_H
#define HEADRACE_TESTS_PACKETDRILL_SYSCTL_H

#include "tcp/fastopen.h"
#include "tcp/settings.h"
#include "tests/packetdrill/untold.h"

#include <stdbool.h>
#include <stdint.h>

/* Bits of tcp_fastopen. */
#define SYSCTL_FAST_OPEN_CLIENT 0x1u
#define SYSCTL_FAST_OPEN_SERVER 0x2u
#define SYSCTL_FAST_OPEN_CLIENT_NO_COOKIE 0x4u
#define SYSCTL_FAST_OPEN_SERVER_NO_COOKIE 0x200u
#define SYSCTL_FAST_OPEN_LISTENERS 0x400u /* each listener, without being asked */

struct sysctl_values {
    struct tcp_settings settings; /* of a listener; ecn_out is for a connect */
    uint8_t ecn_out;              /* enum tcp_ecn_mode */
    uint8_t cookies;              /* enum tcp_cookies */
    uint32_t fast_open;
    unsigned key_count;
    struct fast_open_key keys[2];
    uint32_t notsent_lowat;
};

/* `folder` is /proc/sys/net/ipv4 or the like; NULL: defaults. */
void sysctl_read(const char *folder, struct sysctl_values *values, struct untold *untold);
/* Whether the file of that name is read. */
bool sysctl_is_read(const char *name);
/* The first line of a file; false without one. */
bool sysctl_text(const char *folder, const char *name, char text[UNTOLD_VALUE_BYTES]);

/* "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4", and after a comma another; the number of keys. */
unsigned sysctl_parse_keys(const char *text, struct fast_open_key keys[2]);

#endif
