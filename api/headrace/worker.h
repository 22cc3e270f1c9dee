/*
 * Workers, as an application sees them: timers, messages from other threads,
 * and connections that it opens itself.
 */
#ifndef HEADRACE_WORKER_H
#define HEADRACE_WORKER_H

#include <headrace/addr.h>
#include <headrace/conn.h>
#include <headrace/ecn.h>
#include <headrace/tuning.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hr_stack;
struct hr_worker;

/* 0 for the first worker of its stack. Any thread. */
unsigned hr_worker_index(const struct hr_worker *worker);
/* The stack that it is a part of. Any thread. */
struct hr_stack *hr_worker_stack(const struct hr_worker *worker);
/* The core that it is pinned to, and its queue of the interface. Any thread. */
unsigned hr_worker_core(const struct hr_worker *worker);
unsigned hr_worker_queue(const struct hr_worker *worker);
/* CLOCK_MONOTONIC in nanoseconds, as read at the start of this turn. On the worker. */
uint64_t hr_worker_now_ns(const struct hr_worker *worker);

/* Opens a connection from this worker, on its thread. `peer` is copied, `ops` outlives the
 * connection. The context is hr_conn_context() from the start; on_open or on_close follows,
 * not from inside. HR_OK, HR_ERR_ADDRESS, HR_ERR_NO_ROUTE,
 * HR_ERR_NO_MEMORY, HR_ERR_IN_USE (no port left in the worker's slice of the
 * outgoing ones), or HR_ERR_STATE once hr_stack_stop() has begun. Answers that reach
 * another worker's queue are given to this one. */
int hr_connect(struct hr_worker *worker, const struct hr_addr *peer, const struct hr_conn_ops *ops,
               void *context);

/* What hr_connect_with() gives a connection. */
struct hr_connect_options {
    struct hr_addr local;    /* own address; all zero: the one that suits the peer. Port 0: any */
    uint32_t receive_buffer; /* bytes, 4 KiB to 1 GiB */
    uint32_t send_buffer;    /* bytes, 4 KiB to 1 GiB */
    bool nodelay;            /* as hr_conn_set_nodelay() */
    void *context;           /* what hr_conn_context() is at first */
    const char *congestion_control; /* one of hr_congestion_controls(); NULL: the stack's */
    enum hr_ecn ecn;                /* what is asked for; "dctcp" asks for it by itself */
    bool sack; /* this and the next two: offered to the peer (RFC 2018, RFC 7323) */
    bool timestamps;
    bool window_scale; /* without it windows are of at most 64 KiB */
    /* Bytes of TCP's text and options in the largest segment, either way, 88 to 32,767; 0: as large
     * as the path takes. As Linux's TCP_MAXSEG. */
    uint16_t mss_max;
    struct hr_tuning tuning;
    /* TCP Fast Open (RFC 7413): what is sent before the worker's turn is over goes with the SYN, as
     * far as it fits, once the server has given a cookie in a connection before. It may come to the
     * server's application twice: for requests that may be served twice. Where such SYNs are lost,
     * an hour passes before the next, and more the more often. */
    bool fast_open;
    /* With fast_open: text goes with the first SYN already, without a cookie, to servers that take
     * it so (hr_listen_options, or Linux with net.ipv4.tcp_fastopen 0x200). What cookies are for is
     * given up (RFC 7413 sections 1, 5 and 6): whoever sends SYNs with data and the addresses of
     * others is served, can have answers sent to them that are larger than what he sent, and can
     * use up fast_open_max, which alone bounds both; and what he has seen once he can send again.
     * Only where every source is known to be what it says: inside a network that nobody else
     * sends into. */
    bool fast_open_no_cookie;
    /* NULL, or where to put the connection at once, with which hr_send() and any other function may
     * be called before on_open: what is sent waits for the handshake. */
    struct hr_conn **conn;
};

/* 256 KiB to receive, 512 KiB to send, Nagle's algorithm, any own address and port, no
 * context, the stack's congestion control, all options but ECN, hr_tuning_default: what
 * hr_connect() uses. */
extern const struct hr_connect_options hr_connect_options_default;

/* As hr_connect(), which see; the options are copied. Besides: HR_ERR_ARGUMENT for an option out of
 * its range, or a port in the slice of another worker; HR_ERR_ADDRESS when the local address is not
 * own; HR_ERR_IN_USE when the given port is, TIME-WAIT included; HR_ERR_NO_MEMORY when all 256
 * places of tuning are taken, too. `*conn` is written with HR_OK alone. */
int hr_connect_with(struct hr_worker *worker, const struct hr_addr *peer,
                    const struct hr_conn_ops *ops, const struct hr_connect_options *options);

/* Back-pressure on those who connect: while its listener for `addr` (as given to hr_listen())
 * is paused this worker answers no SYN to it, so that a client tries again by itself, after 1,
 * 2, 4 seconds and for minutes. Handshakes that have begun go on: on_open may follow for as many
 * as are half-open. Other workers go on, too. On the worker, from inside any callback. HR_OK, or
 * HR_ERR_ADDRESS when there is no such listener. */
int hr_listen_pause(struct hr_worker *worker, const struct hr_addr *addr);
int hr_listen_resume(struct hr_worker *worker, const struct hr_addr *addr);

/* A timer of the application: its memory is the application's, on_expiry is
 * called once for each start, on the worker, and may start it again. Zero it before
 * the first use; it stays where it is until it has expired or was stopped. */
struct hr_timer {
    void (*on_expiry)(struct hr_timer *timer, struct hr_worker *worker);
    uint64_t opaque[4];
};

/* Starts, or starts anew, on the worker. Not earlier than `delay_ns` from now, later by at
 * most 66 us and a burst. */
void hr_timer_start(struct hr_worker *worker, struct hr_timer *timer, uint64_t delay_ns);
/* Then on_expiry is not called; nothing happens to one that does not run. On the worker. */
void hr_timer_stop(struct hr_worker *worker, struct hr_timer *timer);

/* A message to a worker: its memory is the sender's until on_message is called. */
struct hr_message {
    void (*on_message)(struct hr_message *message, struct hr_worker *worker);
    struct hr_message *next;
};

/* Any thread, no lock. on_message is called on the worker; those of one thread
 * in the order in which they were posted. After hr_stack_stop() has begun a
 * message may never be called. */
void hr_post(struct hr_worker *worker, struct hr_message *message);

#ifdef __cplusplus
}
#endif

#endif
