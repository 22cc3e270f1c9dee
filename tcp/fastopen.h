/*
 * TCP Fast Open (RFC 7413): data in the SYN, both roles.
 *
 * A server's cookie is a keyed function of both addresses; there are two keys, the newer one
 * made it, either is taken, so that the key can change. Data that comes with a good one is
 * the application's before the handshake is over. What a duplicate of such a SYN brings is
 * delivered again: only for requests that may come twice, and off by default. A listener has
 * a number of such connections whose handshake is not over; beyond it an ordinary handshake
 * is made (section 5.1). One that a RST ends is counted on for a minute or two: else who
 * sends SYNs with cookies and the addresses of others would never reach the limit.
 *
 * A client keeps the cookies of servers (tcp/fastopen_cache.h). A SYN that is lost goes again
 * without, and the server is then left alone for an hour, and longer the more often that was.
 *
 * Both can do without cookies (settings.fast_open_no_cookie), as Linux can (net.ipv4.tcp_fastopen,
 * 0x4 and 0x200), where nobody sends in another's name: a listener takes text of any SYN, looks at
 * no cookie and gives none; a client sends its text from the first SYN on, without the option. Of
 * RFC 7413 that gives up section 4.1.2; what bounds pending connections holds all the same.
 *
 * One worker's; cookies and keys are the same on all. Pure.
 */
#ifndef HEADRACE_TCP_FASTOPEN_H
#define HEADRACE_TCP_FASTOPEN_H

#include "datapath/util.h"
#include "tcp/fastopen_cache.h"
#include "tcp/tuple.h"

#include <stdbool.h>
#include <stdint.h>

struct tcp;
struct tcp_conn;
struct tcp_segment;

/* Of our cookies; RFC 7413 section 4.1.1 has 4 to 16. They are those of Linux with the same key,
 * so that servers of both kinds can stand behind one address. */
#define FAST_OPEN_COOKIE_BYTES 8u

/* How long a RST is remembered, once or twice: the SYN-ACK of a half-open connection is
 * given up after about as long, and Linux has 60 s. */
#define FAST_OPEN_RESET_NS (60 * NS_PER_S)

struct fast_open_key {
    uint64_t words[2];
};

/* Of a listener. */
struct fast_open_pending {
    uint32_t max; /* 0: no Fast Open here */
    uint32_t count;
    uint32_t resets[2]; /* since since_ns, and in the time before */
    uint64_t since_ns;
};

struct tcp_fast_open {
    struct fast_open_key keys[2]; /* the newer first */
    struct fast_open_cache cache;
};

enum fast_open_verdict {
    FAST_OPEN_WRONG,
    FAST_OPEN_GOOD,
    FAST_OPEN_OLD, /* good, by the older key: the client is given a new one */
};

/* The key before any other is set: of the secret that all workers share. */
struct fast_open_key fast_open_first_key(const uint64_t secret[2]);

/* What a client of that address is given (RFC 7413 section 4.1.2). */
void fast_open_cookie(const struct fast_open_key *key, const struct tcp_tuple *tuple,
                      uint8_t cookie[FAST_OPEN_COOKIE_BYTES]);
/* The cookie of `syn`, whose option was seen. */
enum fast_open_verdict fast_open_check(const struct fast_open_key keys[2],
                                       const struct tcp_tuple *tuple,
                                       const struct tcp_segment *syn);

/* Whether one more may open early (RFC 7413 section 5.1, PendingFastOpenRequests); and that one of
 * them was reset, which counts for a while, since spoofed SYNs end so. */
bool fast_open_has_room(struct fast_open_pending *pending, uint64_t now_ns);
void fast_open_reset(struct fast_open_pending *pending, uint64_t now_ns);

/* `keys`, `count` of them (at most 2), the newest first, and before them that of the start. */
void tcp_fast_open_keys(struct tcp *tcp, const struct fast_open_key *keys, unsigned count);

/* The server: what the SYN that began `conn` asks for. Its text may be delivered, and the
 * connection be over. */
void tcp_fast_open_serve(struct tcp_conn *conn, const struct tcp_segment *syn);
/* Its handshake is over, or it has ended. */
void tcp_fast_open_leave(struct tcp_conn *conn);

/* The client: at its beginning, when the settings ask for it; `no_cookie` as there. */
void tcp_fast_open_begin(struct tcp_conn *conn, bool no_cookie);
/* Whether text goes with the SYN. */
bool tcp_fast_open_carries(const struct tcp_conn *conn);
/* Both: whether the SYN or SYN-ACK that is being written has the option; then the cookie, at
 * most FAST_OPEN_COOKIE_MAX bytes, or none where a client asks for one. */
bool tcp_fast_open_option(const struct tcp_conn *conn, uint8_t *cookie, uint8_t *length);
/* What the SYN-ACK tells. */
void tcp_fast_open_learn(struct tcp_conn *conn, const struct tcp_segment *seg);

#endif
