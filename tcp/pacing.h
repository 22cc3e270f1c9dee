/*
 * Pacing: segments go at a rate, in small bursts, where a window alone lets out whatever an
 * ACK has opened.
 *
 *   rate     what the congestion control says (BBR), else what Linux takes: twice the window, or
 *            what is in flight where that is more, for a smoothed round trip while the window is
 *            below half of SSTHRESH, 1.2 times after (sysctl tcp_pacing_ss_ratio and
 *            tcp_pacing_ca_ratio)
 *   burst    a millisecond of it, two segments at least, 64 KiB at the most
 *            (draft-ietf-ccwg-bbr-06, "Send Quantum"): the worker runs turns, and a turn for
 *            each segment would cost more than it spares the network
 *
 * A burst goes whole, the next one when the first has left at the rate. One that is released
 * late is counted from when it was due, by a burst at the most, so that turns of the worker
 * cost no rate.
 *
 * Invariant: a connection stands on the wheel only while it has something to send that may go
 * but for its rate. None is released early; none later than a tick of 2^12 ns, when
 * tcp_timers() runs in time and no more than 4,096 are due at once: the rest waits a turn.
 *
 * Owner: the worker's `struct tcp`; a place for each connection, by its index, which only
 * those touch that are paced (TCP_CONN_PACED), and all functions of a connection are for these,
 * pacing_follow() excepted. So others pay a branch.
 */
#ifndef HEADRACE_TCP_PACING_H
#define HEADRACE_TCP_PACING_H

#include "datapath/util.h"
#include "tcp/wheel.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp;
struct tcp_conn;

/* Rates are bytes in 2^30 ns, about a second: what multiplies one with a time, or divides by
 * it, is a shift. */
#define TCP_RATE_SHIFT 30u

/* The wheel of pacing runs on a clock 16 times as fast: its tick is 4,096 ns. */
#define PACING_CLOCK_SHIFT 4u
#define PACING_TICK_NS (1ull << (WHEEL_TICK_SHIFT - PACING_CLOCK_SHIFT))

struct tcp_pacing {
    struct wheel_entry timer; /* on the faster clock */
    uint64_t next_ns;         /* what was sent has left by then, at the rate */
    uint64_t limit_ns;        /* of next_ns: there a burst ends */
    uint64_t rate;            /* bytes in 2^30 ns; 0: nothing is known yet, and nothing waits */
    uint64_t byte_ns;         /* of a byte, times 2^20, in this burst */
};

static_assert(sizeof(struct tcp_pacing) == CACHE_LINE_BYTES, "one line a connection");

struct tcp_pacer {
    struct tcp_pacing *places; /* by the index of the connection */
    uint32_t waiting;          /* connections on the wheel */
    struct wheel wheel;
};

/* `places` is zeroed memory for as many as there are connections; it is the caller's, and outlives
 * the pacer. */
void pacer_init(struct tcp_pacer *pacer, struct tcp_pacing *places, uint64_t now_ns);

/* Paced or not, as its congestion control and its policy want it: at the beginning, and when
 * the policy has changed. */
void pacing_follow(struct tcp_conn *conn);

/* The connection has ended, or is not paced any more: off the wheel. */
void pacing_end(struct tcp_conn *conn);

/* A segment may go now. If not, the connection comes to the transmit list when it may. */
bool pacing_allows(struct tcp_conn *conn);

/* A timeout: what was sent has left, or is lost, and what goes again waits for none of it. */
void pacing_on_timeout(struct tcp_conn *conn);

/* It was told that it may not, and will be released. */
bool pacing_is_waiting(const struct tcp_conn *conn);

/* So many bytes of text went. */
void pacing_count(struct tcp_conn *conn, uint32_t bytes);

/* Of congestion control with a model, from the next burst on; bytes in 2^30 ns, 0 without any.
 * The others' is that of the last burst. */
void pacing_set_rate(struct tcp_conn *conn, uint64_t rate);
uint64_t pacing_rate(const struct tcp_conn *conn);

/* From when on all that was sent has left at the rate. */
uint64_t pacing_free_ns(const struct tcp_conn *conn);

/* Bytes that go at once at the present rate: a burst. */
uint32_t pacing_quantum(const struct tcp_conn *conn);

/* Releases those that are due. */
void pacer_run(struct tcp *tcp);

/* When pacer_run() has something to do next; UINT64_MAX: never. */
static inline uint64_t pacer_next_ns(const struct tcp_pacer *pacer)
{
    return pacer->waiting == 0 ? UINT64_MAX : wheel_next_ns(&pacer->wheel) >> PACING_CLOCK_SHIFT;
}

#endif
