#include "tcp/cc_cubic.h"

#include "tcp/cc.h"

/* RFC 9438 section 4.6 and equation 4. */
static const uint32_t beta_tenths = 7;
static const uint64_t alpha_17ths = 9; /* 3 * (1 - beta) / (1 + beta) */

/* C of section 5, 0.4 segments per second cubed, per unit of time cubed: as a fraction of
 * 2^64, and its inverse. */
static const uint64_t c_unit = 8507059173;
static const uint64_t c_unit_inverse = 2168404345;

/* 18 minutes: a cube of it, times all else, fits. */
#define CUBIC_TIME_MAX (1u << 20)

static uint32_t cube_root(uint64_t of)
{
    uint32_t root = 0;

    for (uint32_t bit = 1u << 20; bit > 0; bit >>= 1) {
        uint64_t next = root | bit;

        if (next * next * next <= of) {
            root |= bit;
        }
    }
    return root;
}

uint32_t cubic_k(uint32_t deficit, uint32_t mss)
{
    return cube_root(min_u32(deficit, TCP_CWND_MAX) * c_unit_inverse / mss);
}

uint32_t cubic_window(const struct tcp_cubic *cubic, uint32_t t, uint32_t mss)
{
    bool before = t < cubic->k;
    uint64_t d = min_u32(before ? cubic->k - t : t - cubic->k, CUBIC_TIME_MAX);
    unsigned __int128 exact = (unsigned __int128)(d * d * d) * mss * c_unit;
    uint32_t bytes = exact >> 94 ? TCP_CWND_MAX : (uint32_t)(exact >> 64);

    if (before) {
        return cubic->w_max - min_u32(bytes, cubic->w_max);
    }
    return min_u32(cubic->w_max + bytes, TCP_CWND_MAX);
}

static void open_window(struct tcp_conn *conn)
{
    conn->cwnd = tcp_cc_initial_window(conn);
    conn->ssthresh = UINT32_MAX;
    conn->cc_state.cubic = (struct tcp_cubic){.avoids = false};
}

/* A stage of avoidance begins. Not after a loss: at a plateau (sections 4.8 and 4.10). */
static void begin_epoch(struct tcp_conn *conn)
{
    struct tcp_cubic *cubic = &conn->cc_state.cubic;

    cubic->epoch = tcp_busy_time(conn);
    cubic->grown = cubic->epoch;
    cubic->avoids = true;
    cubic->credit = 0;
    cubic->est_credit = 0;
    cubic->w_est = conn->cwnd;
    cubic->k = 0;
    if (conn->cwnd < cubic->w_max) {
        cubic->k = cubic_k(cubic->w_max - conn->cwnd, conn->snd.mss) & (uint32_t)INT32_MAX;
    } else {
        cubic->w_max = conn->cwnd;
    }
}

/* Section 4.3: what Reno would have by now. */
static void grow_estimate(struct tcp_conn *conn, uint32_t bytes)
{
    struct tcp_cubic *cubic = &conn->cc_state.cubic;
    uint64_t alpha = cubic->w_est < cubic->cwnd_prior ? alpha_17ths : 17;

    cubic->est_credit += alpha * bytes;
    if (cubic->est_credit >= 17ull * conn->cwnd) {
        cubic->est_credit -= 17ull * conn->cwnd;
        cubic->w_est = min_u32(cubic->w_est + conn->snd.mss, TCP_CWND_MAX);
    }
}

/* Sections 4.4 and 4.5: towards the target by (target - cwnd) / cwnd for each segment. Gathered
 * until it is a segment, so that nothing is divided. */
static void approach(struct tcp_conn *conn, uint32_t bytes, uint32_t target)
{
    struct tcp_cubic *cubic = &conn->cc_state.cubic;
    uint32_t ceiling = conn->cwnd + conn->cwnd / 2;

    target = min_u32(max_u32(target, conn->cwnd), ceiling);
    cubic->credit += (uint64_t)bytes * (target - conn->cwnd);
    while (cubic->credit >= (uint64_t)conn->cwnd * conn->snd.mss) {
        cubic->credit -= (uint64_t)conn->cwnd * conn->snd.mss;
        conn->cwnd = min_u32(conn->cwnd + conn->snd.mss, TCP_CWND_MAX);
    }
}

/* Section 5.8: time in which the application, or the peer's window, was what limited does not
 * count. While it is the congestion window each round trip has an ACK of a full one; two, since
 * ACKs may be late. */
static void leave_out_what_was_not_used(struct tcp_conn *conn, uint32_t now)
{
    struct tcp_cubic *cubic = &conn->cc_state.cubic;
    uint32_t unused = now - cubic->grown;

    if (unused > 2 * (conn->rtt.srtt_ns >> TCP_BUSY_SHIFT)) {
        cubic->epoch += unused;
    }
    cubic->grown = now;
}

static void avoid(struct tcp_conn *conn, uint32_t bytes)
{
    struct tcp_cubic *cubic = &conn->cc_state.cubic;
    uint32_t mss = conn->snd.mss;
    uint32_t now = tcp_busy_time(conn);
    uint32_t elapsed;

    leave_out_what_was_not_used(conn, now);
    /* After half an hour without a loss the clock would be ambiguous: a plateau, too. */
    if (!cubic->avoids || now - cubic->epoch > UINT32_MAX / 2) {
        begin_epoch(conn);
    }
    elapsed = (now - cubic->epoch) >> (CUBIC_TIME_SHIFT - TCP_BUSY_SHIFT);
    grow_estimate(conn, bytes);
    if (cubic_window(cubic, elapsed, mss) < cubic->w_est) {
        conn->cwnd = max_u32(conn->cwnd, cubic->w_est);
        return;
    }
    elapsed += (uint32_t)(conn->rtt.srtt_ns >> CUBIC_TIME_SHIFT);
    approach(conn, bytes, cubic_window(cubic, elapsed, mss));
}

/* Only the first slow start does not know where to end. What HyStart++ measures does not
 * outlive the flight: after a pause the path is another one. */
static uint32_t slow_start_ends(struct tcp_conn *conn, uint32_t bytes, uint64_t rtt_ns)
{
    struct tcp_flight *flight = conn->flight;

    if (!flight->hystart_runs) {
        flight->hystart_runs = true;
        hystart_open(conn, &flight->hystart);
    }
    return hystart_on_ack(conn, &flight->hystart, bytes, rtt_ns);
}

static void acked(struct tcp_conn *conn, uint32_t bytes, uint64_t rtt_ns)
{
    if (conn->cwnd < conn->ssthresh) {
        if (conn->ssthresh == UINT32_MAX) {
            bytes = slow_start_ends(conn, bytes, rtt_ns);
        }
        bytes = tcp_cc_slow_start(conn, bytes);
    }
    if (bytes > 0) {
        avoid(conn, bytes);
    }
}

/* Sections 4.6 and 4.7. */
static void reduce(struct tcp_conn *conn, uint32_t in_flight)
{
    struct tcp_cubic *cubic = &conn->cc_state.cubic;

    /* Fast convergence: a window that did not get back to where it was makes room. */
    cubic->w_max = conn->cwnd < cubic->w_max
                       ? (uint32_t)((uint64_t)conn->cwnd * (10 + beta_tenths) / 20)
                       : conn->cwnd;
    cubic->cwnd_prior = conn->cwnd;
    cubic->avoids = false;
    conn->ssthresh =
        max_u32((uint32_t)((uint64_t)in_flight * beta_tenths / 10), 2u * conn->snd.mss);
}

static void loss(struct tcp_conn *conn, uint32_t in_flight)
{
    reduce(conn, in_flight);
    conn->cwnd = conn->ssthresh;
}

/* Section 4.8. */
static void timeout(struct tcp_conn *conn, uint32_t in_flight, bool first)
{
    if (first) {
        reduce(conn, in_flight);
        conn->cc_state.cubic.w_max = 0;
    }
    conn->cc_state.cubic.avoids = false; /* also where avoidance began in the repair */
    conn->cwnd = conn->snd.mss;
}

/* Section 4.9. */
static void undo(struct tcp_conn *conn, const struct tcp_undo *before)
{
    conn->cc_state.cubic = before->cubic;
}

static void idle(struct tcp_conn *conn)
{
    uint32_t restart = tcp_cc_initial_window(conn);

    if (conn->cwnd > restart) {
        conn->cwnd = restart;
        conn->cc_state.cubic.avoids = false;
    }
}

const struct tcp_cc_ops tcp_cc_cubic = {
    .name = "cubic",
    .open = open_window,
    .acked = acked,
    .loss = loss,
    .congested = loss,
    .recovered = tcp_cc_recovered,
    .timeout = timeout,
    .undo = undo,
    .idle = idle,
};
