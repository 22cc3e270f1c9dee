/*
 * One stack whose peer is the test: TCP, the protocol below it and a frame pool
 * over a port whose far end writes segments as literals and reads what the stack
 * sent, in virtual time. A test reads like a script:
 *
 *     establish(f);
 *     peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
 *     expect(f, TCP_ACK, .seq = 1, .ack = 101);
 *     app_sends(f, 500);
 *     expect(f, TCP_ACK, .seq = 1, .ack = 101, .bytes = 500);
 *     expect_after(f, MS(200), TCP_ACK, .seq = 1, .ack = 101, .bytes = 500);
 *
 * Sequence numbers count from the sender's ISN: its SYN is 0, its first byte 1.
 * Each verb is a turn of the worker. What the stack sends must be expected, in
 * order, before the time moves on and before the test ends. Checksums, every byte
 * of payload and the invariants of TCP and of the pool are checked each turn; the tear-down
 * ends what is open and finds every frame, timer and promise at home. *state is the fixture.
 */
#ifndef HEADRACE_TESTS_UNIT_TCP_FIXTURE_H
#define HEADRACE_TESTS_UNIT_TCP_FIXTURE_H

#include "datapath/util.h"
#include "tcp/seq.h"
#include "tcp/tcp.h"
#include "tcp/user.h"
#include "tests/unit/tcp_fixture_seg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LOCAL_PORT 80u
#define PEER_PORT 40000u
#define PEERS 8u
#define MSS 1000u                      /* what the peers ask for: the same in both families */
#define WINDOW_ZERO 0x10000u           /* .window = 0 means "what the peer always says" */
#define WSCALE(shift) ((shift) | 0x80) /* .wscale = 0 means "no option" */
#define MS(ms) ((ms)*NS_PER_MS)
#define SECONDS(s) ((s)*NS_PER_S)

/* What the application of one connection was told, and has given to send. */
struct told {
    unsigned open, eof, writable, close, urgent, trouble;
    uint32_t data; /* bytes, each of them compared */
    uint32_t sent, queued;
    enum tcp_reason reason;
};

/* Whom the test plays. */
struct peer {
    uint16_t port, local_port;
    uint32_t iss;    /* its own */
    uint32_t irs;    /* the stack's, once that has sent a SYN */
    uint32_t window; /* field of every segment that says nothing else */
    uint16_t mss;    /* this and the next three: of its SYN */
    uint8_t wscale;
    bool sack;
    bool timestamps;
    bool timestamps_on; /* the stack's SYN had them too */
    uint32_t ts_base;   /* its clock when the test began, ms */
    uint32_t ts_heard;
    struct told told;
};

/* What the application does when it is told; NULL: nothing. */
struct tcp_fixture;
struct app_hooks {
    void (*open)(struct tcp_fixture *f, struct tcp_conn *conn);
    void (*data)(struct tcp_fixture *f, struct tcp_conn *conn, const struct slice *slice);
    void (*sent)(struct tcp_fixture *f, struct tcp_conn *conn);
    void (*writable)(struct tcp_fixture *f, struct tcp_conn *conn);
    void (*eof)(struct tcp_fixture *f, struct tcp_conn *conn);
    void (*urgent)(struct tcp_fixture *f, struct tcp_conn *conn);
    void (*trouble)(struct tcp_fixture *f, struct tcp_conn *conn);
};

struct tcp_fixture {
    /* To be changed before the first verb. */
    struct tcp_config config;
    struct tcp_settings settings; /* of the listener, and of connects */
    uint32_t half_open_max;       /* this and the next: of the listener */
    enum tcp_cookies syn_cookies;
    uint16_t mtu;
    uint32_t frames;
    uint32_t iss;    /* the stack's towards the first peer */
    bool unresolved; /* nobody has told the neighbour's address */
    /* To be changed at any time. */
    struct peer *peer; /* whom the verbs play: one of peers[] */
    struct app_hooks app;
    uint32_t tx_room;      /* packets that the port takes in a turn */
    bool hold_completions; /* the kernel keeps the frames of what is sent */
    bool echoes;           /* the application sends the bytes that it received */
    /* To be read. */
    bool v6;
    struct peer peers[PEERS];
    struct tcp tcp;
    struct net net;
    struct frame_pool pool;
    uint32_t listener;
    struct ip_addr local, remote;
    uint64_t start_ns, now_ns;
    unsigned arp_requests; /* sent by the stack */
    struct fixture_port *port;
    struct neighbour neighbours[4];
    void *memory;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Tears the fixture down and sets up another, for rows of a table. */
struct tcp_fixture *start_over(void **state);
/* Rows of the table of tests: over IPv4, and over IPv6 with both sequence spaces about to wrap. */
#define SCRIPT_V4(test)                                                                            \
    {                                                                                              \
#test " v4", test, fixture_setup, fixture_teardown, (void *)"v4"                           \
    }
#define SCRIPT_V6(test)                                                                            \
    {                                                                                              \
#test " v6", test, fixture_setup, fixture_teardown, (void *)"v6"                           \
    }
#define SCRIPT(test) SCRIPT_V4(test), SCRIPT_V6(test)

void fixture_open(struct tcp_fixture *f); /* done by the first verb */
void turn(struct tcp_fixture *f);
void wait_ns(struct tcp_fixture *f, uint64_t ns);

/* The peer. A segment that is queued arrives with the next turn. */
void peer_queue(struct tcp_fixture *f, const struct seg *seg);
void peer_queue_bytes(struct tcp_fixture *f, const uint8_t *packet, uint16_t length);
/* The options of the peer's SYN are added to the segment. */
struct seg syn_of(const struct peer *peer, struct seg seg);
/* An ICMP error quotes the stack's segment at `seq`. */
void icmp_says(struct tcp_fixture *f, enum net_icmp_class class, uint32_t seq, uint16_t mtu);

#define SEG(flags_, ...) ((struct seg){.flags = (uint16_t)(flags_), __VA_ARGS__})
#define peer_queues(f, flags_, ...) peer_queue(f, &SEG(flags_, __VA_ARGS__))
#define peer_sends(f, flags_, ...) (peer_queues(f, flags_, __VA_ARGS__), turn(f))
#define peer_sends_syn(f, flags_, ...) peer_send_syn(f, SEG(TCP_SYN | (flags_), __VA_ARGS__))
void peer_send_syn(struct tcp_fixture *f, struct seg seg);

/* What the stack has sent, the oldest first. The result is valid until the next
 * segment is expected. */
const struct seg *expect_now(struct tcp_fixture *f, const struct seg *want, const char *at);
const struct seg *expect_later(struct tcp_fixture *f, uint64_t ns, const struct seg *want,
                               const char *at);
void expect_none(struct tcp_fixture *f, const char *at);
void forget_sent(struct tcp_fixture *f); /* whatever it was */

#define STRING_OF(x) #x
#define LINE_OF(line) STRING_OF(line)
#define HERE __FILE__ ":" LINE_OF(__LINE__)
#define expect(f, flags_, ...) expect_now(f, &SEG(flags_, __VA_ARGS__), HERE)
/* Nothing before that time, and this then: late by two ticks of the wheel at the most, so that
 * the time may be counted from a timer that was late by one. */
#define expect_after(f, ns, flags_, ...) expect_later(f, ns, &SEG(flags_, __VA_ARGS__), HERE)
#define expect_silence(f) expect_none(f, HERE)
#define expect_silence_for(f, ns) (expect_silence(f), wait_ns(f, ns), expect_silence(f))

/* Handshakes to ESTABLISHED, with nothing left to expect. */
void establish(struct tcp_fixture *f);            /* passive */
void establish_by_connect(struct tcp_fixture *f); /* active */
struct tcp_tuple tuple_of(const struct tcp_fixture *f);
struct tcp_conn *conn_of(struct tcp_fixture *f); /* NULL when it is gone */
enum tcp_state state_of(struct tcp_fixture *f);
#define expect_state(f, want) assert_string_equal(tcp_state_name(state_of(f)), tcp_state_name(want))

/* The application, on the connection of f->peer. */
int app_connects(struct tcp_fixture *f);
int32_t app_sends(struct tcp_fixture *f, uint32_t bytes);
void app_closes(struct tcp_fixture *f);
int app_shuts_down(struct tcp_fixture *f);
void app_aborts(struct tcp_fixture *f);
void app_pauses(struct tcp_fixture *f);
void app_resumes(struct tcp_fixture *f);

/* Data frames are taken until the pool is at the level, or given back. */
void press(struct tcp_fixture *f, enum frame_pressure level);
#endif
