/*
 * Connections. A `struct hr_conn *` is valid on its worker from on_open until on_close
 * returns; one of hr_connect() that never opens is seen in on_trouble and on_close alone.
 * Across threads and time there is hr_conn_id.
 *
 * Which call from which callback, on this connection or another of the same worker:
 *
 *                                        on_open, on_sent,   on_data  on_close  on_message,
 *                                        on_writable, on_eof,                   on_expiry
 *                                        on_urgent, on_trouble
 *   hr_send_data, hr_data_retain         no                  yes      no        no
 *   all else here and in data.h          yes                 yes      yes       yes
 *   hr_conn_tuning, hr_conn_get_info     yes                 yes      yes       yes
 *   hr_conn_tune                         yes                 yes      no        yes
 *   hr_connect_x, hr_timer_x, hr_post    yes                 yes      yes       yes
 *   hr_listen_pause, hr_listen_resume    yes                 yes      yes       yes
 *   hr_stack_stats, hr_worker_x,         yes                 yes      yes       yes
 *   hr_congestion_controls
 *   hr_listen, hr_unlisten,              no: they wait for the workers
 *   hr_stack_set_fast_open_key, and
 *   start, stop and destroy of the stack
 *
 * In on_close the connection takes nothing any more (HR_ERR_STATE). After hr_abort()
 * or hr_close() inside a callback, on_close follows at the end of the worker's turn,
 * never from inside the call; on_data and on_eof may come from inside
 * hr_recv_resume().
 */
#ifndef HEADRACE_CONN_H
#define HEADRACE_CONN_H

#include <headrace/addr.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hr_conn;
struct hr_data; /* headrace/data.h */
struct hr_worker;

/* What the network tells of a connection, or does not, that goes on all the same: soft errors
 * (RFC 9293 section 3.9.2.2). */
enum hr_trouble {
    HR_TROUBLE_NONE,
    HR_TROUBLE_UNANSWERED,  /* r1_retransmissions in a row, or as many keepalives */
    HR_TROUBLE_NEIGHBOUR,   /* the neighbour does not answer, or no route is left */
    HR_TROUBLE_UNREACHABLE, /* ICMP: no way to the network or host */
    HR_TROUBLE_REFUSED,     /* ICMP: nobody has the port or the protocol */
    HR_TROUBLE_PROHIBITED,  /* ICMP: a filter is in the way */
    HR_TROUBLE_TIME,        /* ICMP: too many hops, or fragments that took too long */
    HR_TROUBLE_PARAMETER,   /* ICMP: a problem with a header */
};

/* What a connection tells the application; a table serves all connections of a
 * listener and outlives them. A member may be NULL: then nobody is told, and
 * data is thrown away. */
struct hr_conn_ops {
    /* The connection is established (RFC 9293: ESTABLISHED); or, with Fast Open, text of its
     * SYN is about to come (RFC 7413). */
    void (*on_open)(struct hr_conn *conn);
    /* In-order bytes arrived. They stand in receive frames, valid until this
     * returns; hr_data_retain() keeps them longer, hr_send_data() passes them
     * on. Retaining cannot fail for want of frames when each slice is used once;
     * sending may, and the slice can be retained then. */
    void (*on_data)(struct hr_conn *conn, const struct hr_data *data);
    /* The peer acknowledged so many bytes of what was sent. */
    void (*on_sent)(struct hr_conn *conn, size_t bytes_acked);
    /* A send was refused or cut short before; now there is room again. */
    void (*on_writable)(struct hr_conn *conn);
    /* The peer has sent all that it will send. Sending is still possible. */
    void (*on_eof)(struct hr_conn *conn);
    /* The end, told exactly once and last: HR_OK when both sides closed in
     * order. HR_ERR_TIMEOUT: R2 is over (RFC 9293 section 3.8.3), or what ends a silence by
     * headrace/tuning.h, or the time of hr_close(). `conn` is gone when this returns. */
    void (*on_close)(struct hr_conn *conn, int reason);
    /* The peer has marked urgent data, or moved its mark on (RFC 9293 section 3.8.5): the `left`
     * bytes that come next lie before it. They come as any others do, and when this is called
     * may not have come yet. */
    void (*on_urgent)(struct hr_conn *conn, size_t left);
    /* Something is wrong, and nothing ends yet (enum hr_trouble): also of a connection that is
     * being opened. ICMP is believed of what is on its way only, and may be forged. */
    void (*on_trouble)(struct hr_conn *conn, int trouble);
};

/* A pointer of the application's own; the listener's or hr_connect()'s at first. */
void *hr_conn_context(const struct hr_conn *conn);
void hr_conn_set_context(struct hr_conn *conn, void *context);

/* The worker that the connection belongs to, for as long as it lives. */
struct hr_worker *hr_conn_worker(const struct hr_conn *conn);
/* Own address and port, and the peer's. */
void hr_conn_local(const struct hr_conn *conn, struct hr_addr *addr);
void hr_conn_peer(const struct hr_conn *conn, struct hr_addr *addr);

/* Half close: no more is sent after what is queued. HR_OK or HR_ERR_STATE. */
int hr_shutdown(struct hr_conn *conn);
/* Closes both ways: what is queued is still sent, as long as the peer takes it in time: as long
 * as r2_retransmissions + 1 at rto_max_ms each (32 minutes by default) or a longer user timeout,
 * and a second for each KiB queued. Then it is reset, and on_close says HR_ERR_TIMEOUT; or
 * HR_ERR_NO_MEMORY at a timeout before, when the worker's frames have become critical. What
 * arrives is answered with RST, and so is the close itself when data is retained or waits
 * (HR_ERR_UNREAD; RFC 2525), or when three quarters of the worker's connections_max were closed
 * before and wait for their peers (HR_ERR_NO_MEMORY). */
void hr_close(struct hr_conn *conn);
/* As hr_close(), but what the peer has not acknowledged after `linger_ms` is given up: it is
 * reset, and on_close says HR_ERR_TIMEOUT. 0 is hr_abort(). Nothing waits.
 * It is never longer than with hr_close(). */
void hr_close_within(struct hr_conn *conn, uint32_t linger_ms);
/* Resets the connection (RFC 9293: ABORT). */
void hr_abort(struct hr_conn *conn);

/* Switches Nagle's algorithm (RFC 9293 MUST-17): true sends small segments at once. */
void hr_conn_set_nodelay(struct hr_conn *conn, bool nodelay);

/* True holds back what does not fill a segment, whatever Nagle's algorithm says, for at most
 * 200 ms after what was sent is acknowledged; false sends it. As Linux's TCP_CORK. */
void hr_conn_set_cork(struct hr_conn *conn, bool cork);
/* Acknowledges at once what is owed, and as many segments after it as `quick_acks` of
 * headrace/tuning.h says (16 by default; with 0 none): for whoever knows that the peer waits. For
 * all of them see `ack_delay_ms` there. */
void hr_conn_quick_ack(struct hr_conn *conn);

/* A name that stays safe when the connection is gone. A value; any thread may
 * carry it, its worker resolves it. */
struct hr_conn_id {
    uint32_t worker;
    uint32_t index;
    uint32_t generation;
};

struct hr_conn_id hr_conn_id(const struct hr_conn *conn);
/* NULL when the connection is gone or belongs to another worker. */
struct hr_conn *hr_conn_from_id(struct hr_worker *worker, struct hr_conn_id id);

#ifdef __cplusplus
}
#endif

#endif
