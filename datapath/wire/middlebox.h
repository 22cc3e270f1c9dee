/*
 * What routers and firewalls on the way write into packets: marks of congestion, no ECN at
 * all, a smaller MSS, no reports of duplicates. Checksums follow (RFC 1624), so that a packet
 * that was whole stays so. Whatever is no TCP over plain IPv4 or IPv6 passes untouched.
 *
 * Pure; the bytes are the caller's.
 */
#ifndef HEADRACE_DATAPATH_WIRE_MIDDLEBOX_H
#define HEADRACE_DATAPATH_WIRE_MIDDLEBOX_H

#include <stdbool.h>
#include <stdint.h>

/* Zero in all fields: touches nothing. */
struct wire_middlebox {
    bool bleaches_ecn; /* the two bits of the IP field are cleared, as some routers do */
    bool hides_dsacks; /* a block that reports a duplicate (RFC 2883) is blanked */
    uint16_t mss_max;  /* SYNs that offer more are told so much instead; 0: none is */
};

static inline bool wire_middlebox_acts(const struct wire_middlebox *box)
{
    return box->bleaches_ecn || box->hides_dsacks || box->mss_max > 0;
}

void wire_middlebox_pass(const struct wire_middlebox *box, uint8_t *bytes, uint32_t length_bytes);

/* Congestion experienced, when the packet says that it may be marked (RFC 3168 section 5).
 * True when it was marked now. */
bool wire_mark(uint8_t *bytes, uint32_t length_bytes);

#endif
