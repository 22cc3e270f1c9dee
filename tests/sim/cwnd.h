/*
 * What leaves a host against its congestion window: each segment of a turn has a reason for
 * which it may go, and each reason a name. A segment that has none is a broken invariant.
 */
#ifndef HEADRACE_TESTS_SIM_CWND_H
#define HEADRACE_TESTS_SIM_CWND_H

#include "tcp/prr.h"

#include <stdbool.h>
#include <stdint.h>

/* From the strictest to the most lenient; the first that holds is the reason. */
#define CWND_REASONS(X)                                                                            \
    X(WITHIN, "all that is not acknowledged fits the window")                                      \
    X(RATE_REDUCTION,                                                                              \
      "in fast recovery, or behind marks, the pipe and what PRR lets go fit it "                   \
      "(RFC 9937 section 6.2)")                                                                    \
    X(AFTER_TIMEOUT,                                                                               \
      "behind a timeout what went again does, nothing else counts (RFC 6298 section 5.4)")         \
    X(LIMITED_TRANSMIT,                                                                            \
      "without what SACK or duplicate ACKs say has left the network, it does "                     \
      "(RFC 3042; RFC 5681 section 3.2, step 2)")                                                  \
    X(LOST, "nor does what is taken for lost and did not go again count (RFC 6675 section 4)")     \
    X(EMPTY_PIPE,                                                                                  \
      "one segment, a probe of a window too, into a pipe that is empty by what ACKs told")         \
    X(TAIL_PROBE, "one segment, a tail loss probe (RFC 8985 section 7.3)")                         \
    X(FIRST_REPAIR,                                                                                \
      "one segment, the first repair of a recovery or of a partial ACK "                           \
      "(RFC 5681 section 3.2, step 3; RFC 6675 section 5, step 4.3; RFC 6582)")                    \
    X(MTU_PROBE_REPAIR,                                                                            \
      "one segment, the bytes of a lost probe of the path's MTU, which says nothing of "           \
      "congestion (RFC 4821 section 7.6.2)")

enum cwnd_reason {
#define X(name, text) CWND_##name,
    CWND_REASONS(X)
#undef X
        CWND_REASON_COUNT, /* none: it may not go */
};

extern const char *const cwnd_reason_names[CWND_REASON_COUNT];

/* What is remembered of a connection from before a turn. */
struct cwnd_before {
    bool known; /* it was open and nothing was being repaired */
    uint32_t cwnd;
    uint32_t una;
    uint64_t undone; /* by the counters of its host, as is the next */
    uint64_t marked;
    bool reduces; /* its window follows what is delivered: PRR */
    struct tcp_prr prr;
    uint64_t text; /* bytes that it had ever sent, by the witness */
};

struct tcp_conn;

void cwnd_remember(struct cwnd_before *before, const struct tcp_conn *conn, uint64_t text);

/* After a turn: why what it sent last may have gone. Only for connections that sent in it. */
enum cwnd_reason cwnd_reason(const struct tcp_conn *conn);

/* After a turn: the window has opened by no more than was acknowledged (RFC 5681 section 3.1),
 * and one segment, since growth is gathered. */
bool cwnd_opened_fairly(const struct cwnd_before *before, const struct tcp_conn *conn);

/* After a turn that began and ended in one and the same reduction: if something was delivered in
 * it, no more went than what was delivered and not yet answered, one segment of SafeACK and one
 * that was found lost, which may be of an MSS of before (RFC 9937 section 6.2); if not, the window
 * is no larger. `text`: bytes that it has ever sent, by the witness. */
bool cwnd_reduced_fairly(const struct cwnd_before *before, const struct tcp_conn *conn,
                         uint64_t text);

#endif
