/*
 * The stack: an interface, its workers, its listeners.
 */
#ifndef HEADRACE_STACK_H
#define HEADRACE_STACK_H

#include <headrace/addr.h>
#include <headrace/conn.h>
#include <headrace/ecn.h>
#include <headrace/error.h>
#include <headrace/tuning.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Workers of a stack: a queue of the interface has one at most. */
#define HR_WORKERS_MAX 64

struct hr_stack;

/* How packets get in and out (the kernel's AF_XDP documentation). */
enum hr_mode {
    HR_MODE_AUTO,     /* the first of those below that works */
    HR_MODE_ZEROCOPY, /* the NIC works on our frames; the driver must know how */
    HR_MODE_NATIVE,   /* the program runs in the driver, packets are copied */
    HR_MODE_GENERIC,  /* the program runs behind the driver; any interface */
};

/* What a worker does when there is nothing to do. */
enum hr_wait {
    HR_WAIT_ADAPTIVE, /* spins for spin_us, then sleeps */
    HR_WAIT_BUSY,     /* spins for ever */
    HR_WAIT_SLEEP,    /* sleeps at once */
};

/* What the control thread tells while the stack runs. */
enum hr_event_kind {
    HR_EVENT_LINK_DOWN,      /* the interface is down, or has no carrier */
    HR_EVENT_LINK_UP,        /* again */
    HR_EVENT_INTERFACE_GONE, /* it was removed, for good */
    HR_EVENT_WORKER_STALLED, /* awake and not turned for a second, or not woken in three */
    HR_EVENT_WORKER_GOES_ON,
};

struct hr_event {
    enum hr_event_kind kind;
    unsigned worker; /* of HR_EVENT_WORKER_x */
    char text[256];  /* a sentence for people */
};

/* Copied from hr_stack_options_default and changed; 0 means "default" in the counts of queues and
 * cores alone. What is out of range is HR_ERR_ARGUMENT, with a sentence. */
struct hr_stack_options {
    const char *interface;
    const char *const *addresses; /* "192.0.2.1/24", each ours alone: the kernel must not have it */
    unsigned address_count;       /* 1 to 16 */
    const char *const *gateways;  /* "192.0.2.254", at most one per family */
    unsigned gateway_count;
    enum hr_mode mode;
    /* Receive offloads that break AF_XDP (stripped VLAN tags, LRO) are switched off, and stay
     * so; false: the start fails with the command that does it. */
    bool offloads_off;
    const unsigned *queues; /* of the interface, a worker each, none twice */
    unsigned queue_count;   /* 1 to HR_WORKERS_MAX; 0: all queues, which may be no more */
    const unsigned *cores;  /* a core per worker, of those that the process may use */
    unsigned core_count;    /* as many as workers; 0: the first of those, round and round */
    enum hr_wait wait;
    unsigned spin_us;           /* of HR_WAIT_ADAPTIVE; any number */
    uint32_t frames_per_worker; /* of 4096 bytes; at least 4096, and 4 times the NIC's RX ring */
    /* Of these, what is lent to each queue for what arrives: a power of two, 2,048 to 65,536,
     * at most half of frames_per_worker; twice the NIC's RX ring where that is more. Half as
     * many packets may wait while the worker is kept from its core; more is lost. */
    uint32_t receive_frames;
    uint32_t connections_max; /* per worker, 1 to 2^24; at most half of them half-open */
    uint32_t time_wait_ms;    /* 2MSL, 1,000 to 240,000 */
    /* What came in order is acknowledged once for several segments, so that a burst has one ACK:
     * of so many full ones at the most, 1 to 256, and so long after the second, 0 to 40,000
     * microseconds. 2 and 0 are what RFC 5681 section 4.2 says. */
    uint32_t ack_segments;
    uint32_t ack_hold_us;
    /* Of connections whose listener, or whoever opens them, names none: one of
     * hr_congestion_controls(); NULL: the first. Not kept. */
    const char *congestion_control;
    /* NULL, or what is told of events: on the control thread, which it must not hold up;
     * any function that any thread may call may be called inside. */
    void (*on_event)(struct hr_stack *stack, const struct hr_event *event, void *context);
    void *event_context;
};

/* Adaptive waiting with 100 us, 16,384 frames (64 MiB), of which 2,048 are lent, and 16,384
 * connections a worker, 2MSL of 60 s, an ACK for 16 segments and 20 us. Interface and addresses are
 * the caller's to set. */
extern const struct hr_stack_options hr_stack_options_default;

/* Opens the interface and makes the workers; they run from hr_stack_start(). HR_OK and the stack,
 * or a negative error and its sentence in `failure`, which is not NULL, and nothing is left behind.
 * The options are copied, strings and arrays too. Any thread. Needs root, or CAP_NET_ADMIN,
 * CAP_NET_RAW, CAP_BPF, CAP_PERFMON and CAP_IPC_LOCK. */
int hr_stack_create(const struct hr_stack_options *options, struct hr_stack **stack,
                    struct hr_failure *failure);

/* When a listener answers SYNs with SYN cookies (RFC 4987 section 3.6), after which nothing is
 * kept until the ACK comes: who floods it with SYNs keeps nobody else out. A connection that
 * began with one has window scale, SACK and classic ECN only with timestamps; accurate ECN with
 * and without. */
enum hr_syn_cookies {
    HR_SYN_COOKIES_NEVER,     /* too many half-open connections: SYNs are dropped */
    HR_SYN_COOKIES_WHEN_FULL, /* then */
    HR_SYN_COOKIES_ALWAYS,    /* for tests */
};

/* What a listener's connections are given. */
struct hr_listen_options {
    uint32_t receive_buffer;        /* bytes, 4 KiB to 1 GiB */
    uint32_t send_buffer;           /* bytes, 4 KiB to 1 GiB */
    uint32_t half_open_max;         /* connections in SYN-RECEIVED, per worker; at least 1 */
    bool nodelay;                   /* as hr_conn_set_nodelay() */
    void *context;                  /* what hr_conn_context() is at first */
    const char *congestion_control; /* one of hr_congestion_controls(); NULL: the stack's */
    enum hr_syn_cookies syn_cookies;
    /* Connections that it may have at once, per worker, half-open ones included; at least 1.
     * Beyond it SYNs are dropped: a client tries again by itself, for minutes. */
    uint32_t connections_max;
    enum hr_ecn ecn; /* up to what is agreed to when a client asks */
    bool sack;       /* this and the next two: offered to the peer (RFC 2018, RFC 7323) */
    bool timestamps;
    bool window_scale; /* without it windows are of at most 64 KiB */
    uint16_t mss_max;  /* as in hr_connect_options */
    struct hr_tuning tuning;
    /* TCP Fast Open (RFC 7413): connections of which data came with the SYN and whose handshake is
     * not over, per worker; beyond it a handshake is an ordinary one, and 0 has no other. on_open
     * and on_data then come before the peer has shown that it is there, but for a cookie that its
     * address was given once; and the same data may come twice, in two connections, when the
     * network duplicates a SYN: for requests that may be served twice. */
    uint32_t fast_open_max;
    /* Text of any SYN is taken, and no cookie looked at or given; see hr_connect_options for what
     * that gives up: for networks whose sources can be trusted. */
    bool fast_open_no_cookie;
};

/* The names of the algorithms of congestion control, ended by NULL: "cubic" (RFC 9438,
 * with HyStart++, RFC 9406), "newreno" (RFC 6582; Linux's name for it, "reno", is taken too),
 * "dctcp" (RFC 8257: where routers mark early and all flows use it; it is unfair to others),
 * and "bbr" (BBRv3, draft-ietf-ccwg-bbr-06: always paced). A connection
 * keeps the one that it began with. Constant; any thread. */
const char *const *hr_congestion_controls(void);

/* 256 KiB to receive, 512 KiB to send, 4,096 half-open connections, Nagle's algorithm, no
 * context, the stack's congestion control, cookies when full, as many connections as the worker
 * has, all options, ECN with whoever asks, no Fast Open, hr_tuning_default. */
extern const struct hr_listen_options hr_listen_options_default;

/* Listens on all workers; `addr` with all-zero bytes means all own addresses. It and the options
 * are copied; `ops` outlives the stack. A worker all of whose 256 places of tuning are taken opens
 * it when one is free. HR_OK, HR_ERR_IN_USE, HR_ERR_ADDRESS, HR_ERR_ARGUMENT (port 0, an option out
 * of its range) or HR_ERR_NO_MEMORY (64 listeners). Any thread but a worker. */
int hr_listen(struct hr_stack *stack, const struct hr_addr *addr, const struct hr_conn_ops *ops,
              const struct hr_listen_options *options);
/* No new connections; those that are open go on. HR_OK, HR_ERR_ADDRESS, or HR_ERR_NO_MEMORY, and
 * it listens on. Any thread but a worker. */
int hr_unlisten(struct hr_stack *stack, const struct hr_addr *addr);

/* The key of Fast Open cookies, random at first: 16 bytes that servers which stand in for one
 * another share. Cookies of the key before are taken still, and exchanged. HR_OK or
 * HR_ERR_NO_MEMORY. Any thread but a worker. */
#define HR_FAST_OPEN_KEY_BYTES 16
int hr_stack_set_fast_open_key(struct hr_stack *stack, const uint8_t key[HR_FAST_OPEN_KEY_BYTES]);

/* Starts the workers' threads, which leave alone the signals that the calling thread blocks. HR_OK,
 * HR_ERR_STATE when the stack was stopped, or HR_ERR_THREAD, with their sentence. This and the next
 * two: any thread but a worker and the control thread, one at a time. */
int hr_stack_start(struct hr_stack *stack, struct hr_failure *failure);
/* Ends the workers: every open connection is reset and told HR_ERR_ABORTED. Returns
 * when their threads have ended. */
void hr_stack_stop(struct hr_stack *stack);
/* After hr_stack_stop(), or without a start: gives everything back. Nobody calls anything of it
 * any more. */
void hr_stack_destroy(struct hr_stack *stack);

/* What runs. These and the rest: any thread. */
unsigned hr_stack_worker_count(const struct hr_stack *stack);
/* `index` is below hr_stack_worker_count(). */
struct hr_worker *hr_stack_worker(struct hr_stack *stack, unsigned index);
/* "zerocopy", "native" or "generic". */
const char *hr_stack_mode(const struct hr_stack *stack);
/* A sentence on what works and yet may surprise, such as a queue without a worker; "" when
 * there is nothing. */
const char *hr_stack_note(const struct hr_stack *stack);
/* Why it is not the first mode that was tried; "" when it is. */
const char *hr_stack_mode_reason(const struct hr_stack *stack);

#ifdef __cplusplus
}
#endif

#endif
