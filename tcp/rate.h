/*
 * Delivery rate samples (draft-ietf-ccwg-bbr-06, "Delivery Rate Samples"; before it
 * draft-cheng-iccrg-delivery-rate-estimation): how fast the network delivered what was sent
 * last, by each ACK, and whether it was the application that limited it.
 *
 * A record notes where delivery stood when it was sent. When the newest record of an ACK is
 * delivered, what was delivered since, over the longer of the time that it took to send and
 * the time that it took to acknowledge, is the rate.
 *
 * Beside it stands how long the network, the peer's window or the send buffer held sending up,
 * and what else would cost each segment of everybody: how many had text.
 *
 * Only for connections with TCP_CONN_RATED: congestion control or the policy wants it. Others
 * pay a branch.
 *
 * Owner: the worker's `struct tcp`; a place for each connection, by its index.
 */
#ifndef HEADRACE_TCP_RATE_H
#define HEADRACE_TCP_RATE_H

#include "tcp/sendq.h"

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;

/* Of one ACK. Bytes are of the sequence space. */
struct tcp_rate_sample {
    uint64_t rate;            /* bytes in 2^30 ns; 0: none that can be relied on */
    uint64_t prior_delivered; /* of tcp_rate.delivered, when the newest record was sent */
    uint64_t interval_ns;
    uint64_t rtt_ns;       /* of that record; UINT64_MAX when it was sent more than once */
    uint32_t delivered;    /* over the interval */
    uint32_t newly_acked;  /* acknowledged or SACKed by this ACK */
    uint32_t newly_lost;   /* since the ACK before it */
    uint32_t tx_in_flight; /* when that record was sent, itself included */
    uint32_t lost;         /* from then to now */
    uint32_t lost_before;  /* of tcp_rate.lost, then; as a record has it */
    bool has_data;         /* there is such a record: all but newly_* is void without */
    bool is_app_limited;
};

/* What sending waits for, since the last turn in which the connection was served; Linux's
 * tcp_chrono. */
enum rate_limit {
    RATE_IDLE,   /* everything is acknowledged */
    RATE_BUSY,   /* the network, or the congestion window */
    RATE_WINDOW, /* the peer's window */
    RATE_BUFFER, /* the send buffer: all is sent, and the application had to stop */
    RATE_LIMIT_COUNT,
};

struct tcp_rate {
    uint64_t delivered;      /* bytes, all in all */
    uint64_t delivered_ns;   /* when that last changed, or sending began anew */
    uint64_t first_sent_ns;  /* when the newest that was delivered was sent, or likewise */
    uint64_t app_limited;    /* until so much is delivered samples tell of the application; 0 */
    uint64_t starved_ns;     /* from then on more could go, but there is nothing; UINT64_MAX */
    uint64_t latest;         /* the last rate that was no application's, or was higher */
    uint32_t lost;           /* bytes, modulo 2^32 */
    uint32_t newest_seq;     /* with first_sent_ns */
    bool cwnd_limited;       /* the window was in the way; whoever reads it clears it */
    bool latest_app_limited; /* `latest` was an application's all the same, being higher */
    uint8_t limit;           /* enum rate_limit, since limit_ns */
    uint64_t limit_ns;
    uint64_t spent_ns[RATE_LIMIT_COUNT]; /* before that */
    uint64_t text_in_ns;                 /* when text came last; 0: never */
    uint32_t text_in;                    /* segments with text; this and the next modulo 2^32 */
    uint32_t text_out;
    uint32_t segments_delivered;
    struct tcp_rate_sample sample;
};

/* Sampled or not, as congestion control and policy want it; once the connection is made, and
 * when the policy has changed. */
void rate_follow(struct tcp_conn *conn);

struct tcp_rate *rate_of(const struct tcp_conn *conn);

/* The record is about to be put in flight. */
void rate_sent(struct tcp_conn *conn, struct tcp_record *record);

/* Acceptable text came. */
void rate_received(struct tcp_conn *conn);

/* It is acknowledged or SACKed, for the first time. */
void rate_delivered(struct tcp_conn *conn, const struct tcp_record *record);

/* What was lost since that was noted, in bytes. */
uint32_t rate_lost_since(const struct tcp_conn *conn, uint32_t lost_before);

/* It was marked lost. */
void rate_lost(struct tcp_conn *conn, const struct tcp_record *record);

/* All that is in flight is about to be taken for lost. */
void rate_all_lost(struct tcp_conn *conn);

/* The ACK is processed, its losses found: congestion control hears of it. */
void rate_finish(struct tcp_conn *conn);

/* Output has come to an end for now: whether for want of data, or of window. */
void rate_output_ends(struct tcp_conn *conn);

/* How long sending waited for that, up to now. */
uint64_t rate_spent_ns(const struct tcp_conn *conn, enum rate_limit limit);

/* What is in flight now, and all samples from it, tells of the application. */
void rate_mark_app_limited(struct tcp_conn *conn);

#endif
