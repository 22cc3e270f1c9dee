/*
 * What a connection remembers in bits and small numbers: why it ended, its flags, and what
 * its retransmission timer stands for.
 */
#ifndef HEADRACE_TCP_CONN_FLAGS_H
#define HEADRACE_TCP_CONN_FLAGS_H

/* Why a connection ended, as the application is told. */
enum tcp_reason {
    TCP_REASON_DONE,        /* both sides closed in order */
    TCP_REASON_RESET,       /* the peer sent RST */
    TCP_REASON_REFUSED,     /* RST in answer to our SYN */
    TCP_REASON_TIMEOUT,     /* the peer did not answer, or take what was left, in time */
    TCP_REASON_ABORTED,     /* we sent RST because the application asked for it */
    TCP_REASON_UNREAD,      /* we sent RST because data came that nobody reads any more */
    TCP_REASON_UNREACHABLE, /* ICMP or no neighbour, while opening */
    TCP_REASON_NO_MEMORY,
    TCP_REASON_COUNT,
};

/* What the network tells, or does not; the connection goes on (RFC 9293 section 3.9.2.2). The
 * numbers of hr_trouble. */
enum tcp_trouble {
    TCP_TROUBLE_NONE,
    TCP_TROUBLE_UNANSWERED,  /* R1 retransmissions, or keepalives */
    TCP_TROUBLE_NEIGHBOUR,   /* nobody on the way answers, or no route is left */
    TCP_TROUBLE_UNREACHABLE, /* ICMP: network or host */
    TCP_TROUBLE_REFUSED,     /* ICMP: port or protocol */
    TCP_TROUBLE_PROHIBITED,  /* ICMP: by a filter */
    TCP_TROUBLE_TIME,        /* ICMP: time or hops are exceeded */
    TCP_TROUBLE_PARAMETER,   /* ICMP: a problem of a parameter */
    TCP_TROUBLE_COUNT,
};

enum tcp_conn_flag {
    TCP_CONN_ACK_NOW = 1 << 0,      /* an ACK is due with the next turn of output */
    TCP_CONN_SACK_OK = 1 << 1,      /* both sides permitted SACK */
    TCP_CONN_TIMESTAMPS = 1 << 2,   /* both sides sent timestamps */
    TCP_CONN_WSCALE = 1 << 3,       /* both sides sent window scale */
    TCP_CONN_NODELAY = 1 << 4,      /* Nagle is off */
    TCP_CONN_PASSIVE = 1 << 5,      /* opened by a listener (RFC 9293 MUST-11) */
    TCP_CONN_FIN_RECEIVED = 1 << 6, /* RCV.NXT is behind the FIN */
    TCP_CONN_FIN_QUEUED = 1 << 7,   /* the application has shut down sending */
    TCP_CONN_APP_CLOSED = 1 << 8,   /* nobody reads any more */
    TCP_CONN_PAUSED = 1 << 9,       /* the application does not want data now */
    TCP_CONN_WANTS_WRITE = 1 << 10, /* a send was refused: on_writable is owed */
    TCP_CONN_EOF_TOLD = 1 << 11,
    TCP_CONN_OPEN_TOLD = 1 << 12,   /* the application knows of it, and hears of its end */
    TCP_CONN_SYN_LOST = 1 << 13,    /* the SYN was sent again (RFC 6298 section 5.7) */
    TCP_CONN_SQUEEZED = 1 << 14,    /* the window is held back for want of frames */
    TCP_CONN_OVERRIDE = 1 << 15,    /* the override timer ran out: send a piece */
    TCP_CONN_PROBE = 1 << 16,       /* the persist timer ran out: probe the window */
    TCP_CONN_FIN_PENDING = 1 << 17, /* a FIN arrived at rcv.fin, out of order */
    TCP_CONN_DELIVERING = 1 << 18,  /* inside on_data: no second delivery */
    TCP_CONN_FIN_OWED = 1 << 19,    /* shut down, but no memory for the FIN yet */
    TCP_CONN_DRAINING = 1 << 20,    /* over but for what the application has not read */
    TCP_CONN_STARVED = 1 << 21,     /* a send, or output, found no frame: look again */
    TCP_CONN_ACK_HELD = 1 << 22,    /* on tcp->held: see tcp/ack.h */
    TCP_CONN_KEEPALIVE = 1 << 23,   /* with ACK_NOW: that ACK asks for one */
    TCP_CONN_CORK = 1 << 24,        /* less than a segment waits for more */
    TCP_CONN_URGENT_IN = 1 << 25,   /* this and the next: see tcp/urgent.h */
    TCP_CONN_URGENT_OUT = 1 << 26,
    /* Fast Open (tcp/fastopen.h), until the handshake is over. A client: asked for; a server:
     * text of the SYN was taken. And: the SYN-ACK brings a cookie. */
    TCP_CONN_FAST_OPEN = 1 << 27,
    TCP_CONN_FAST_OPEN_GRANT = 1 << 28,
    TCP_CONN_PACED = 1 << 29,   /* see tcp/pacing.h */
    TCP_CONN_MTU_LOW = 1 << 30, /* segments are smaller than both ends take: see tcp/mtu.h */
    TCP_CONN_RATED = 1u << 31,  /* see tcp/rate.h */
};

/* What the shared retransmission timer stands for. */
enum tcp_rexmit_timer {
    TCP_TIMER_NONE,
    TCP_TIMER_RTO,      /* RFC 6298 */
    TCP_TIMER_TLP,      /* RFC 8985 section 7 */
    TCP_TIMER_RACK,     /* RFC 8985 section 6.2, step 5 */
    TCP_TIMER_PERSIST,  /* RFC 9293 section 3.8.6.1 */
    TCP_TIMER_OVERRIDE, /* RFC 9293 section 3.8.6.2.1 */
};

#endif
