/*
 * The end that measures. Round trips: a number of slots, each with one datagram on the
 * way; its answer is sent on at once, in the frame that it came in, as the slot's next. A
 * datagram without an answer is sent again after a time, so that losses can't stall it.
 * One way: as much as the port takes, and the server's counts before and after.
 *
 * Owner: the driver's thread, then main.
 */
#ifndef HEADRACE_BENCH_REFLECTOR_DRIVE_H
#define HEADRACE_BENCH_REFLECTOR_DRIVE_H

#include "bench/histogram.h"
#include "bench/reflector/end.h"

struct drive_slot {
    uint64_t sequence; /* of the datagram that is on its way */
    uint64_t sent_ns;
};

struct drive_result {
    const char *failure; /* a sentence, or NULL */
    double seconds;
    double cpu_s; /* of the process, in the measured time */
    uint64_t round_trips;
    uint64_t sent;  /* one way */
    uint64_t lost;  /* sent again: no answer in time */
    uint64_t late;  /* answers to what was sent again already, and strangers */
    uint64_t wrong; /* bytes that are not what was sent */
    uint64_t bytes_verified;
    struct datagram_report counted;
    struct histogram latency;
};

struct drive {
    struct end_worker *worker;
    struct drive_result *result;
    struct drive_slot slots[REFLECTOR_IN_FLIGHT_MAX];
    uint8_t header[DATAGRAM_HEADER_BYTES];
    bool is_measured;
    uint64_t now_ns;
};

/* In the thread of the worker; what came of it is in `result`. */
void drive_round_trips(struct drive *drive);
void drive_one_way(struct drive *drive);

/* Asks for the target's link address and makes the header of what is sent. False, and
 * the failure told, when nobody answers. */
bool drive_find_target(struct drive *drive);

/* A datagram of `bytes` in a fresh frame; false when there is no room now. */
bool drive_send(struct drive *drive, const struct datagram_mark *mark, unsigned bytes);

double drive_cpu_s(void);

#endif
