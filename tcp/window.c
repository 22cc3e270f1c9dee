#include "tcp/window.h"

#include "tcp/ack.h"

#include <assert.h>

/* Of the scale in a receive buffer: with fewer what a segment took would close the window, and one
 * that is told as 0 does not grow. */
#define UNITS_MIN 16u

uint32_t tcp_window_initial(const struct tcp *tcp, uint32_t buffer, uint32_t mss)
{
    uint32_t squeezed = TCP_SQUEEZED_WINDOW_SEGMENTS * mss;

    if (tcp->promised_bytes > tcp->promise_limit ||
        frame_pool_pressure(tcp->pool) != FRAME_NORMAL) {
        return min_u32(buffer, squeezed);
    }
    /* What a SYN can say; the scaled window follows with the first ACK. */
    return min_u32(buffer, UINT16_MAX);
}

uint8_t tcp_window_scale(const struct tcp_settings *settings)
{
    uint32_t buffer = max_u32(settings->receive_buffer, settings->policy.receive_buffer_max);
    uint8_t shift = 0;

    while (shift < TCP_WSCALE_MAX && (buffer >> shift) > UINT16_MAX &&
           (settings->receive_buffer >> (shift + 1)) >= UNITS_MIN) {
        shift++;
    }
    return shift;
}

/* With more promised than the limit a window that was squeezed at first is earned by what the
 * application was given: it doubles with each, as a sender in slow start does. Whoever sends
 * nothing is promised no more. */
static uint32_t earned(const struct tcp_conn *conn)
{
    uint32_t squeezed = TCP_SQUEEZED_WINDOW_SEGMENTS * conn->snd.mss;

    if (conn->tcp->promised_bytes <= conn->tcp->promise_limit) {
        return UINT32_MAX;
    }
    return max_u32(max_u32(tcp_window(conn), squeezed),
                   (uint32_t)min_u64(conn->tally.bytes_in, UINT32_MAX));
}

/* The window that the buffer and the field allow, and pressure on top of it. */
static uint32_t allowed(const struct tcp_conn *conn)
{
    uint32_t used = tcp_window_unread(conn);
    uint32_t room = used < conn->rcv.buffer ? conn->rcv.buffer - used : 0;

    room = min_u32(room, (uint32_t)UINT16_MAX << conn->rcv.wscale);
    room = min_u32(room, earned(conn));
    switch (frame_pool_pressure(conn->tcp->pool)) {
    case FRAME_NORMAL:
        break;
    case FRAME_PRESSURE: /* no growth: as wide as it is, at the least what still moves */
        room = min_u32(room, max_u32(tcp_window(conn), conn->snd.mss));
        break;
    default:
        /* In order only: a segment at a time, for an application that has read all
         * and takes it in place. With no promise at all, two sides whose send
         * queues have all the frames would wait for each other for ever. */
        if (used == 0 && !tcp_conn_has(conn, TCP_CONN_PAUSED)) {
            room = min_u32(room, max_u32(tcp_window(conn), conn->snd.mss));
        } else {
            room = min_u32(room, tcp_window(conn));
        }
        break;
    }
    return room;
}

void tcp_recheck_frames(struct tcp_conn *conn, uint32_t flag)
{
    conn->flags |= flag;
    conn->ack_ns = min_u64(conn->ack_ns, conn->tcp->now_ns + TCP_SQUEEZE_RECHECK_NS);
    tcp_conn_arm(conn);
}

/* As far as all that is promised, this included, has frames to be kept in. */
static void grow(struct tcp_conn *conn, uint32_t want)
{
    const struct tcp *tcp = conn->tcp;
    uint64_t budget = tcp->promise_limit / TCP_PROMISE_FACTOR;
    uint64_t spare = budget > tcp->promised_bytes ? budget - tcp->promised_bytes : 0;

    if (want > conn->rcv.buffer && frame_pool_pressure(tcp->pool) == FRAME_NORMAL) {
        conn->rcv.buffer += (uint32_t)min_u64(want - conn->rcv.buffer, spare);
    }
}

static uint16_t clock_of(const struct tcp_conn *conn)
{
    return (uint16_t)(conn->tcp->now_ns >> TCP_TUNE_SHIFT);
}

void tcp_window_tune_begin(struct tcp_conn *conn)
{
    conn->rcv.tune_seq = conn->rcv.nxt;
    conn->tune_at = clock_of(conn);
}

/* Once in a round trip: what came in it says how wide a window the peer can use. */
static void tune(struct tcp_conn *conn)
{
    uint64_t round_ns = (uint64_t)(uint16_t)(clock_of(conn) - conn->tune_at) << TCP_TUNE_SHIFT;
    uint64_t came = conn->rcv.nxt - conn->rcv.tune_seq;

    if (round_ns < conn->rtt.srtt_ns) {
        return;
    }
    tcp_window_tune_begin(conn);
    /* Of a longer time, or without a time to hold it against, it says nothing; and an
     * application that does not keep up gains nothing. */
    if (round_ns < 2 * conn->rtt.srtt_ns && tcp_window_unread(conn) == 0) {
        grow(conn, (uint32_t)min_u64(came * TCP_RECEIVE_BUFFER_ROUNDS,
                                     tcp_conn_policy(conn)->receive_buffer_max));
    }
}

void tcp_window_open_by(struct tcp_conn *conn, uint32_t step)
{
    uint32_t window = tcp_window(conn);
    uint32_t room;

    tune(conn);
    room = allowed(conn);
    if (frame_pool_pressure(conn->tcp->pool) == FRAME_NORMAL || window >= step) {
        conn->flags &= ~(uint32_t)TCP_CONN_SQUEEZED;
    } else {
        /* No event of this connection will open it: look again in a while. */
        tcp_recheck_frames(conn, TCP_CONN_SQUEEZED);
    }
    if (room > window && room - window >= step) {
        tcp_window_widen(conn, room - window);
    }
}

void tcp_window_freed(struct tcp_conn *conn)
{
    uint32_t before = conn->rcv.edge;

    if (!tcp_state_may_receive((enum tcp_state)conn->state)) {
        return;
    }
    /* A peer that has half of the window, and a segment, is not waiting for it: the next ACK
     * tells of the rest, as with Linux. Else each read would cost a segment. */
    if (allowed(conn) / 2 < tcp_window(conn) && !tcp_conn_has(conn, TCP_CONN_SQUEEZED)) {
        return;
    }
    tcp_window_open(conn);
    if (conn->rcv.edge != before) {
        tcp_ack_now(conn);
    }
}

void tcp_window_forget(struct tcp_conn *conn)
{
    assert(conn->tcp->promised_bytes >= tcp_window(conn));
    conn->tcp->promised_bytes -= tcp_window(conn);
    conn->rcv.edge = conn->rcv.nxt;
}
