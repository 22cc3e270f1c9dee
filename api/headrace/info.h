/*
 * What there is to know of a connection, as Linux's TCP_INFO tells it.
 */
#ifndef HEADRACE_INFO_H
#define HEADRACE_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hr_conn;

/* The states of RFC 9293 section 3.3.2 that a connection can be seen in. */
enum hr_state {
    HR_STATE_CLOSED, /* in on_close */
    HR_STATE_SYN_SENT = 2,
    HR_STATE_SYN_RECEIVED,
    HR_STATE_ESTABLISHED,
    HR_STATE_FIN_WAIT_1,
    HR_STATE_FIN_WAIT_2,
    HR_STATE_CLOSE_WAIT,
    HR_STATE_CLOSING,
    HR_STATE_LAST_ACK,
    HR_STATE_TIME_WAIT, /* both sides are done, and the application has not read everything */
};

/* "ESTABLISHED", as RFC 9293 spells it; "?" for a number that is none. Any thread. */
const char *hr_state_name(enum hr_state state);

/* How the sender stands (RFC 6675, 8985, 6298). */
enum hr_recovery {
    HR_RECOVERY_OPEN, /* nothing is known to be lost */
    HR_RECOVERY_CWR,  /* routers have marked (ECN): the window shrinks, nothing is lost */
    HR_RECOVERY_FAST, /* a loss was found by what came behind it, and is being repaired */
    HR_RECOVERY_LOSS, /* after a retransmission timeout, or what a path dropped for its size */
};

/* Only ever grows, at its end. Bytes are of text, without headers; counters begin with the
 * connection.
 *
 * It has what TCP_INFO and TCP_CC_INFO of Linux 7.3 have, bytes where those count segments, but
 * for what there is none of here: the degree of reordering in segments (reordering_window_ns), the
 * state of "disorder" (HR_RECOVERY_OPEN with `sacked`), the receiver's own round trip, what it took
 * in one and the threshold of its window (srtt_ns, receive_buffer, receive_window), when ACKs came
 * last (heard_ms), a limit of the pacing rate, changes of a flow's hash, timestamps of
 * microseconds, why Fast Open failed, whether any ECT came; of accurate ECN the peer's counts of
 * ECT(0) and ECT(1), whether its option came, and for which reason it is distrusted; and what Linux
 * leaves 0. */
struct hr_conn_info {
    enum hr_state state;
    enum hr_recovery recovery;
    int trouble;                    /* enum hr_trouble, the latest; 0: none */
    const char *congestion_control; /* one of hr_congestion_controls() */
    bool passive;                   /* a listener's */
    bool sack;                      /* this and the next two: agreed on with the peer */
    bool timestamps;
    bool window_scale;
    uint8_t ecn;         /* enum hr_ecn: what was agreed */
    uint8_t send_wscale; /* shifts of the windows, the peer's and ours */
    uint8_t receive_wscale;
    uint8_t backoff;                /* times that the RTO was doubled */
    uint8_t retransmissions_in_row; /* of the oldest segment, or probes of a window, unanswered */
    uint8_t keepalives;             /* without an answer */
    uint64_t rto_ns;                /* doublings included */
    uint64_t srtt_ns;               /* smoothed round trip (RFC 6298); 0: none was measured */
    uint64_t rttvar_ns;             /* its variation */
    uint64_t min_rtt_ns;            /* the least, up to 4.3 s; UINT64_MAX: none was measured */
    uint32_t ack_delay_ms;          /* as tuned */
    uint32_t send_mss;              /* bytes of text in a full segment to the peer */
    uint32_t receive_mss;           /* the largest segment that came */
    uint32_t path_mtu;              /* bytes, IP header included */
    uint32_t cwnd;                  /* congestion window, bytes */
    uint32_t ssthresh;              /* bytes; UINT32_MAX: no loss yet */
    uint32_t send_window;      /* what the peer offers from the oldest unacknowledged byte on */
    uint32_t receive_window;   /* what we offer from the next byte on */
    uint32_t send_queue;       /* bytes taken to be sent and not acknowledged */
    uint32_t unsent;           /* of them, never sent */
    uint32_t in_flight;        /* sent, and taken to be on their way */
    uint32_t sacked;           /* acknowledged beyond a gap */
    uint32_t lost;             /* taken for lost, and not sent again yet */
    uint32_t unacked_segments; /* sent and not acknowledged, those of the last two included */
    uint32_t receive_queue;    /* bytes in order that wait for the application */
    uint32_t retained;         /* bytes that it keeps */
    uint32_t out_of_order;     /* bytes that wait for what is missing before them */
    uint32_t heard_ms;         /* ago, modulo 2^32: anything acceptable came from the peer */
    uint64_t sent_ns;          /* ago: data went; UINT64_MAX: none yet */
    uint64_t bytes_acked;      /* by the peer */
    uint64_t bytes_received;   /* in order */
    uint32_t segments_in;      /* counters of 32 bits, from here on: modulo 2^32 */
    uint32_t segments_out;     /* retransmissions included, RSTs not */
    uint32_t retransmissions;  /* segments sent again */
    uint32_t bytes_retransmitted;
    uint32_t dsacks; /* times the peer told that it had something twice */
    bool reordering; /* seen in the present flight (RFC 8985) */
    /* Text of a SYN was taken, the peer's or ours (RFC 7413). */
    bool syn_data;
    /* With hr_tuning.delivery_rates or "bbr", and this and the four behind it 0 without: the
     * application had too little to send to know what the path delivers. */
    bool delivery_app_limited;
    uint64_t delivery_rate;          /* bytes a second that the path delivered, lately */
    uint64_t busy_ns;                /* in which something was not acknowledged; of them: */
    uint64_t window_limited_ns;      /* the peer's window held sending up */
    uint64_t send_buffer_limited_ns; /* all was sent, and the send buffer had no more room */
    uint64_t pacing_rate;            /* bytes a second; 0: not paced, or not known yet */
    uint64_t bytes_sent;             /* bytes_retransmitted included */
    uint32_t retransmitting;         /* segments on their way not for the first time */
    /* Bytes that came with congestion experienced, ECT(0) and ECT(1), modulo 2^32: accurate ECN
     * counts them (RFC 9768). */
    uint32_t ecn_ce_bytes;
    uint32_t ecn_ect0_bytes;
    uint32_t ecn_ect1_bytes;
    uint32_t advertised_mss;  /* of our SYN (RFC 6691: options count); 0: none went */
    uint32_t receive_buffer;  /* bytes that the receive window may span, as grown */
    uint64_t bytes_delivered; /* bytes_acked and sacked: what the peer has */
    /* How long a segment may be behind one that was sent later before it is taken for lost (RFC
     * 8985): this sender counts reordering in time, not in segments. 0: nothing is waited for, in
     * recovery or with dup_threshold segments SACKed while no reordering was seen; and always
     * where `rack` of its tuning is false. */
    uint64_t reordering_window_ns;
    uint32_t reordered;             /* segments that the peer had behind some sent later */
    uint32_t out_of_order_segments; /* of the peer, that came beyond a hole */
    uint32_t timeouts;              /* times that the RTO ran out, also in a row */
    uint32_t timeout_recoveries;    /* rows of them, */
    uint64_t timeout_ns;            /* and how long they lasted, up to now */
    uint32_t ecn_ce_segments;       /* that came with congestion experienced */
    bool ecn_echo;       /* the last did; classic, without "dctcp": one did, and no CWR since */
    bool ecn_distrusted; /* path or peer contradict it, and no more is sent as ECT, or believed */
    uint64_t ecn_ce_bytes_delivered; /* text of ours that arrived so, as the peer tells */
    /* This and the three behind it, counted with hr_tuning.delivery_rates or "bbr" from when that
     * was set, else 0 and UINT64_MAX: they would cost each segment of everybody. */
    uint32_t data_segments_in;   /* acceptable ones */
    uint32_t data_segments_out;  /* retransmissions included */
    uint32_t segments_delivered; /* that the peer has; SYN and FIN count too */
    uint64_t received_ns;        /* ago: data came; UINT64_MAX: none yet */
    /* "dctcp", else 0: the share of marked bytes (RFC 8257), as a fraction of 2^20, and what of
     * this round trip was acknowledged and marked. Without ECN, see `ecn`, it is blind. */
    uint32_t dctcp_alpha;
    uint32_t dctcp_bytes_acked;
    uint32_t dctcp_bytes_marked;
    /* "bbr", else 0: its model of the path and what it makes of it. */
    uint32_t bbr_pacing_gain; /* percent, as the next */
    uint32_t bbr_cwnd_gain;
    uint64_t bbr_bandwidth;  /* bytes a second */
    uint64_t bbr_min_rtt_ns; /* UINT64_MAX: none was measured */
    /* Accurate ECN: a SYN-ACK of ours with its option had to go again, without, and the option is
     * not sent any more: the path may block it. */
    bool ecn_option_off;
};

/* Fills the first `size` bytes of `info`, which is the caller's: sizeof *info as it was compiled,
 * what this library does not know is zero. Returns how many bytes it knows. On the worker, from any
 * callback. */
size_t hr_conn_get_info(const struct hr_conn *conn, struct hr_conn_info *info, size_t size);

#ifdef __cplusplus
}
#endif

#endif
