/*
 * The application of the state-aware target: what it was told of each connection and what
 * it gave to send, checked at each call and after each turn.
 *
 * Both streams are functions of the absolute sequence number, so that any segment of any
 * life of a port is right or wrong by itself. Lives are static, one per connection of the
 * bed, and belong to the input that runs.
 */
#ifndef HEADRACE_TESTS_FUZZ_LIFE_H
#define HEADRACE_TESTS_FUZZ_LIFE_H

#include "tests/fuzz/bed.h"

#define LIFE_OUR_KEY 0x6a09e667f3bcc908ull
#define LIFE_PEER_KEY 0xbb67ae8584caa73bull
#define LIFE_RETAINED_MAX 6u

/* What an application does when it is told of something. */
enum life_act {
    LIFE_NOTHING,
    LIFE_PAUSE,
    LIFE_SEND,
    LIFE_SHUTDOWN,
    LIFE_CLOSE,
    LIFE_ABORT,
    LIFE_RESUME,
    LIFE_ACTS,
};

struct life_habits {
    bool echoes; /* sends on what it receives, without a copy */
    bool retains;
    bool writes; /* on_writable */
    enum life_act on_open, on_data, on_eof;
};

/* Bytes that the application retained, and which they were. */
struct life_retained {
    struct slice slice;
    uint32_t seq;
};

struct life {
    struct tcp_conn *conn; /* NULL before the beginning and after on_close */
    uint32_t received;
    uint32_t queued;
    uint32_t acked;
    uint32_t edge; /* of the window, the right-most */
    bool synchronized;
    bool opened, eof, shut, left;
    unsigned retained_count;
    struct life_retained retained[LIFE_RETAINED_MAX];
};

extern const struct tcp_events life_events;

/* Forgets all lives; whoever comes behaves like this. */
void life_reset(const struct life_habits *habits);

/* From now on nothing is sent that a step did not ask for; what is retained is given back. */
void life_calm(void);

/* An active open. */
void life_begin(struct tcp_conn *conn);

/* The life of an open connection; NULL for one that the application does not know. */
struct life *life_of(const struct tcp_conn *conn);

/* The calls of an application. */
void life_send(struct life *life, uint32_t bytes);
void life_write(struct life *life, uint32_t bytes); /* in place */
void life_send_urgent(struct life *life, uint32_t bytes);
void life_leave(struct life *life, uint64_t linger_ns);
void life_act(struct life *life, enum life_act act);
void life_release(struct life *life);
void life_pass_on(struct life *life); /* retained data is sent */

/* After each turn: what can be told of every connection from outside and inside. */
void life_check_all(void);

/* Whether the payload that was sent is what was queued. Nothing is held against it once the
 * application has passed on what it received: whose bytes are whose is not remembered. */
bool life_sent_right(uint32_t seq, const uint8_t *bytes, uint32_t length);

#endif
