/*
 * The constants of TCP with unit and source, but for those of one algorithm (congestion
 * control, pacing, cookies), which stand with it. What an application may set has its default
 * here and its place in struct tcp_settings.
 */
#ifndef HEADRACE_TCP_LIMITS_H
#define HEADRACE_TCP_LIMITS_H

#include "datapath/frame.h"
#include "datapath/util.h"

/* Segment sizes, bytes. RFC 9293 sections 3.7.1 and 3.7.4. */
#define TCP_MSS_DEFAULT_V4 536u
#define TCP_MSS_DEFAULT_V6 1220u
/* A peer that asks for less would make a frame out of each byte; Linux has the
 * same floor (TCP_MIN_SND_MSS is 48, less 40 of options, rounded up here). */
#define TCP_MSS_MIN 88u
/* The most that an application may ask for: Linux's TCP_MAXSEG takes as much (MAX_TCP_WINDOW);
 * mtu.high has 15 bits. */
#define TCP_MSS_MAX 32767u

#define TCP_HEADER_BYTES 20u
#define TCP_TIMESTAMP_BYTES 12u

/* Where the payload starts in a frame that we fill: behind the metadata of the
 * driver and the longest headers. */
#define TCP_PAYLOAD_OFFSET (FRAME_TX_METADATA + FRAME_HEADROOM)
static_assert(FRAME_HEADROOM >= 14 + 2 * 4 + 40 + 60,
              "Ethernet, two VLAN tags, IPv6, and TCP with all its options");

/* RFC 7323 section 2.3. */
#define TCP_WSCALE_MAX 14u

/* RFC 6928: min(10*MSS, max(2*MSS, 14600)), where 14600 are ten segments of this size. */
#define TCP_INITIAL_WINDOW_SEGMENTS 10u
#define TCP_INITIAL_WINDOW_SEGMENT_BYTES 1460u

/* L of RFC 3465 section 2.3, where it is 2; RFC 9406 section 4.3 has 8 without pacing, Linux
 * no limit. Receivers acknowledge whole bursts (Linux with GRO 44 segments, we 16), and
 * slow start is to double with them too. */
#define TCP_SLOW_START_SEGMENTS 16u

/* No congestion window is wider: bytes. The product of it and a segment fits 64 bits. */
#define TCP_CWND_MAX (1u << 30)

/* RFC 6298. The floor is Linux's 200 ms, below the RFC's SHOULD of 1 s; as in
 * Linux it stands for the variance, where the RFC has the clock's granularity: a
 * steady path of more than 200 ms would have its round trip for an RTO. */
#define TCP_RTO_INITIAL_NS (1 * NS_PER_S)
#define TCP_RTO_MIN_NS (200 * NS_PER_MS)
#define TCP_RTO_MAX_NS (120 * NS_PER_S)
/* Doublings: with these the least RTO that can be set, a millisecond, is the longest, and the
 * longest fits 64 bits. */
#define TCP_BACKOFF_MAX 17u
static_assert((NS_PER_MS << TCP_BACKOFF_MAX) > TCP_RTO_MAX_NS &&
                  TCP_RTO_MAX_NS < (UINT64_MAX >> TCP_BACKOFF_MAX),
              "as it says");
/* RFC 6298 section 5.7: the RTO when data starts after a lost SYN. */
#define TCP_RTO_AFTER_SYN_LOSS_NS (3 * NS_PER_S)

/* How much later than a round trip a probe waits for the ACK of several segments:
 * a Linux receiver whose application has not read yet holds every ACK back for
 * 40 ms (TCP_DELACK_MIN), and a loaded one is late on top. See tcp/README.md. */
#define TCP_TLP_ACK_LAG_NS (50 * NS_PER_MS)
/* RFC 8985: the floor of the reordering timer; marking has none. */
#define TCP_RACK_TIMER_MIN_NS (1 * NS_PER_MS)

/* RFC 9293 section 3.8.6.3 asks for less than 500 ms; 40 ms is Linux's. */
#define TCP_DELAYED_ACK_NS (40 * NS_PER_MS)
/* The longest that a peer is taken to delay an ACK: RFC 8985 section 7.2 and
 * Linux (TCP_DELACK_MAX). */
#define TCP_PEER_DELAYED_ACK_NS (200 * NS_PER_MS)
/* Segments acknowledged at once after the start and after a loss of the peer's, so that
 * its slow start is not held up; Linux's TCP_MAX_QUICKACKS is 16. */
#define TCP_QUICK_ACKS 16u
/* A burst is acknowledged once, but not more than so many full segments apart. Measured on
 * 2026-11-22 with the kernel's sender over veth (tests/link/README.md): 2 segments 4.04 Gbit/s,
 * 8 4.28, 16 4.79, 32 4.56. */
#define TCP_ACK_EVERY_SEGMENTS 16u
/* And so long for what comes over a few turns. Measured between two Headrace ends over veth (MTU
 * 1500, medians of five runs, 2026-11): without a hold 2.7 Gbit/s, with it 3.3 to the server and
 * 3.0 from it; 50 us or 100 us gave no more. */
#define TCP_ACK_HOLD_NS (20 * NS_PER_US)

/* How long a sender waits for a window that is open but too small before it
 * sends a piece. RFC 9293 section 3.8.6.2.1: 0.1 to 1 second. */
#define TCP_SWS_OVERRIDE_NS (200 * NS_PER_MS)

/* R1 and R2 in retransmissions (RFC 9293 section 3.8.3, RFC 1122 section
 * 4.2.3.5): 15 at these RTOs is more than 100 s; 7 SYNs are 255 s, above the
 * 3 minutes of MUST-23. */
#define TCP_R1_RETRANSMISSIONS 3u
#define TCP_R2_RETRANSMISSIONS 15u
#define TCP_R2_SYN_RETRANSMISSIONS 7u
/* A half-open connection of somebody else's making is worth less: Linux's 5. */
#define TCP_R2_SYN_ACK_RETRANSMISSIONS 5u

/* What a peer has to take of what an application has left behind, beyond the time that R2 gives a
 * silent one: 9,600 bit/s, a modem's. */
#define TCP_LEFT_BYTES_PER_S 1024u

/* RFC 9293 MUST-28: not before two hours. The other two are Linux's. */
#define TCP_KEEPALIVE_IDLE_S 7200u
#define TCP_KEEPALIVE_GAP_S 75u
#define TCP_KEEPALIVE_COUNT 9u

/* MSL is 30 s here, as in Linux and FreeBSD; RFC 9293 has 2 minutes. */
#define TCP_TIME_WAIT_NS (60 * NS_PER_S)
/* From when on a port of ours may be taken again, with timestamps: Linux's tcp_tw_reuse. */
#define TCP_TIME_WAIT_REUSE_NS NS_PER_S
/* Of what the application has closed: Linux's net.ipv4.tcp_fin_timeout. */
#define TCP_FIN_WAIT_2_S 60u

/* What connections that the application has left must leave of connections_max, however long
 * their peers make them last (RFC 6429): a quarter, so that others find a place. Linux leaves them
 * half of its table (tcp_max_orphans); who closes all he has at once is to lose fewer here. */
#define TCP_ORPHANS_LEFT_SHIFT 2u

/* RFC 7323 section 5.5: TS.Recent is not trusted after 24 days of idleness. */
#define TCP_PAWS_IDLE_NS (24ull * 24 * 3600 * NS_PER_S)
#define TCP_PAWS_IDLE ((uint32_t)(TCP_PAWS_IDLE_NS >> TCP_AGE_SHIFT))
/* The busy clock of congestion control counts units of 2^10 ns, about a microsecond; in 73
 * minutes it has gone round. */
#define TCP_BUSY_SHIFT 10u
/* Ages of days are told in units of 2^30 ns, about a second: 32 bits are 146 years. */
#define TCP_AGE_SHIFT 30u

/* Challenge ACKs of one connection (RFC 5961 section 7), or of one entry of TIME-WAIT: at most
 * this many in each period. A shared limit would be a side channel (CVE-2016-5696). */
#define TCP_CHALLENGE_PER_PERIOD 8u
#define TCP_CHALLENGE_PERIOD_MS 1000u

/* RFC 5681 section 3.2. */
#define TCP_DUPTHRESH 3u

/* Receive windows, bytes: a bandwidth-delay product of 1 Gbit/s and 2 ms to begin with (ours). */
#define TCP_RECEIVE_BUFFER_DEFAULT (256u * 1024)
/* And up to which it grows with what comes in a round trip: Linux's net.ipv4.tcp_rmem. The
 * buffer is held at so many times of that: a sender doubles its window in a round trip, and is
 * told of this a round trip later. */
#define TCP_RECEIVE_BUFFER_MAX_DEFAULT (6u * 1024 * 1024)
#define TCP_RECEIVE_BUFFER_ROUNDS 4u
/* Rounds are timed in units of 2^16 ns; 16 bits of them are 4 seconds. */
#define TCP_TUNE_SHIFT 16u
/* With so many promises out that the data budget could not keep a quarter of
 * them, a new connection starts with the smallest window that still moves. */
#define TCP_PROMISE_FACTOR 4u
#define TCP_SQUEEZED_WINDOW_SEGMENTS 2u
/* A window, or a writer, held back for want of frames is looked at again this
 * often: no event of the connection itself says that others gave some back. Ours: a delay that
 * people hardly see, and 20 looks a second of each such connection. */
#define TCP_SQUEEZE_RECHECK_NS (50 * NS_PER_MS)

/* Output that waits for a frame looks turn after turn for so long, in which the kernel gives back
 * what it has sent; then as rarely as the rest, for others may hold theirs for minutes. */
#define TCP_COMPLETIONS_NS (1 * NS_PER_MS)

/* While frames or pieces are short, text out of order goes when the hole before it has not moved
 * for so long, by TCP_AGE_SHIFT: a sender that is there has had its timeout, which is a second
 * at first (RFC 6298 section 2), and has sent again. */
#define TCP_OUT_OF_ORDER_LIFE 3u

/* Data frames that a delivery leaves: what an application retains and passes on
 * may have to be copied, one frame at a time, before its own is free. */
#define TCP_PASS_ON_FRAMES 2u
/* Of the data budget, the part that is for those who have kept little; and of what is left of it,
 * the part that a connection may have kept and still be given more. */
#define TCP_LAST_FRAMES_SHIFT 3u

/* Bytes queued to send above which tcp_send refuses, of which
 * on_writable waits for a third to be free. */
#define TCP_SEND_BUFFER_DEFAULT (512u * 1024)

/* And up to which that grows by itself: Linux's net.ipv4.tcp_wmem. */
#define TCP_SEND_BUFFER_MAX_DEFAULT (4u * 1024 * 1024)

/* Segments that one connection may send before the next one has its turn. */
#define TCP_TRANSMIT_QUANTUM 16u

/* Each record of a send queue has a frame, however little of it is used. So many nobody counts;
 * the frames of more may be so many times what may be queued (a full segment of 1,448 bytes in a
 * chunk of 4,096 is 2.8 times its text), and such a part of those that are left: whoever comes
 * later still finds some. Under pressure a share of all, and less of what is left until it is
 * critical: readers that are slow together come near that, and not there. */
#define TCP_SENDQ_SHARE_MIN 16u
#define TCP_SENDQ_OVERHEAD_SHIFT 2u
#define TCP_SENDQ_LEFT_SHIFT 2u
#define TCP_SENDQ_SHARE_SHIFT 6u
#define TCP_SENDQ_SCARCE_SHIFT 3u

/* Records of a send queue: bounds the frames of one connection apart from its
 * bytes. 6 MB in full segments; 1 Gbit/s at 100 ms would want twice that. */
#define TCP_SENDQ_RECORDS_MAX 4096u

#define TCP_LISTENERS_MAX 64u

#endif
