/*
 * Addresses of both families with a port.
 */
#ifndef HEADRACE_ADDR_H
#define HEADRACE_ADDR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* IPv4 stands in its mapped form, ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2); all
 * zero is "any". Network byte order; the port is in host order. */
struct hr_addr {
    uint8_t bytes[16];
    uint16_t port;
};

/* "[ffff:...:ffff]:65535" and a terminator fit. */
#define HR_ADDR_TEXT_BYTES 64

/* "192.0.2.1" or "2001:db8::1", without a port; `port` in host order. HR_OK, or HR_ERR_ADDRESS
 * and `addr` is as it was. Any thread. */
int hr_addr_parse(const char *text, uint16_t port, struct hr_addr *addr);

/* "192.0.2.1:80" or "[2001:db8::1]:80"; returns `text`. Any thread. */
const char *hr_addr_format(const struct hr_addr *addr, char text[HR_ADDR_TEXT_BYTES]);

#ifdef __cplusplus
}
#endif

#endif
