/*
 * SYN cookies (RFC 4987 section 3.6): a SYN-ACK after which nothing is kept, since its
 * sequence number says all that must be known when its ACK comes, and nobody else can make
 * one. The form is Linux's: a keyed function of the tuple, plus the peer's ISN, so that the
 * number goes on with it (RFC 6528); a counter, about of minutes, in the upper 8 bits; a second
 * keyed function and the index of an MSS in the lower 24. A blind guess is right once in 2^28.
 *
 * What does not fit stands in the low 6 bits of the timestamp that goes with it; a peer
 * without timestamps has no window scale, no SACK and no classic ECN on such a connection. That
 * timestamp is up to 63 ms older than the clock.
 *
 * Pure; time and secret are handed in.
 */
#ifndef HEADRACE_TCP_SYNCOOKIE_H
#define HEADRACE_TCP_SYNCOOKIE_H

#include "tcp/isn.h"

#include <stdbool.h>
#include <stdint.h>

/* The counter's step, 68.7 s: Linux has 60 s; a shift instead of a division. */
#define SYNCOOKIE_STEP_SHIFT 36u
/* A cookie is good in the step in which it was made and in the next (Linux's
 * MAX_SYNCOOKIE_AGE). */
#define SYNCOOKIE_STEPS 2u
#define SYNCOOKIE_LIFE_NS ((uint64_t)SYNCOOKIE_STEPS << SYNCOOKIE_STEP_SHIFT)

#define SYNCOOKIE_NO_WSCALE 15u

/* What a cookie is bound to. */
struct syncookie_of {
    struct isn base; /* isn_make() of the tuple at time 0 */
    uint32_t irs;    /* the peer's ISN */
    uint64_t now_ns;
};

/* What the timestamp says. */
struct syncookie_options {
    uint8_t wscale; /* of the peer, or SYNCOOKIE_NO_WSCALE */
    bool sack;
    bool ecn; /* the classic one: the accurate one shows in the ACK (RFC 9768 section 5.1) */
};

/* The ISN of the SYN-ACK. Of `mss`, in bytes, the largest of eight sizes is kept that is no larger,
 * 88 at the least. */
uint32_t syncookie_make(const uint64_t secret[2], const struct syncookie_of *of, uint16_t mss);
/* Whether `number` is a cookie of ours that is not too old; then its MSS, else that stays. */
bool syncookie_check(const uint64_t secret[2], const struct syncookie_of *of, uint32_t number,
                     uint16_t *mss);

/* The clock, in milliseconds and without a connection's offset, that says the options. */
uint32_t syncookie_timestamp(uint32_t now_ms, const struct syncookie_options *options);
/* What an echoed one says, its offset taken off. False when its time has passed or is not there
 * yet: then nothing of it counts. */
bool syncookie_read_timestamp(uint32_t now_ms, uint32_t timestamp,
                              struct syncookie_options *options);

#endif
