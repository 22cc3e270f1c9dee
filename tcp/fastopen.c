#include "tcp/fastopen.h"

#include "tcp/cc.h"
#include "tcp/input.h"
#include "tcp/options.h"
#include "tcp/siphash.h"
#include "tcp/window.h"

#include <assert.h>
#include <string.h>

/* An hour, doubled with each failure in turn up to 64: Linux's tcp_fastopen_blackhole_timeout. */
#define BLOCKED_NS (3600 * NS_PER_S)
#define BLOCKED_DOUBLINGS_MAX 6u

struct fast_open_key fast_open_first_key(const uint64_t secret[2])
{
    /* Of 8 bytes, which is the length of nothing else that the secret is used for. */
    static const uint64_t which[2] = {0, 1};
    struct fast_open_key key;

    key.words[0] = siphash_2_4(secret, &which[0], sizeof which[0]);
    key.words[1] = siphash_2_4(secret, &which[1], sizeof which[1]);
    return key;
}

void fast_open_cookie(const struct fast_open_key *key, const struct tcp_tuple *tuple,
                      uint8_t cookie[FAST_OPEN_COOKIE_BYTES])
{
    uint8_t addresses[2 * sizeof(struct ip_addr)];
    uint64_t hash;

    if (ip_addr_is_v4(&tuple->remote)) {
        memcpy(addresses, tuple->remote.bytes + 12, 4);
        memcpy(addresses + 4, tuple->local.bytes + 12, 4);
        hash = siphash_2_4(key->words, addresses, 8);
    } else {
        memcpy(addresses, tuple->remote.bytes, sizeof tuple->remote.bytes);
        memcpy(addresses + sizeof tuple->remote.bytes, tuple->local.bytes,
               sizeof tuple->local.bytes);
        hash = siphash_2_4(key->words, addresses, sizeof addresses);
    }
    static_assert(sizeof hash == FAST_OPEN_COOKIE_BYTES, "the whole of it");
    memcpy(cookie, &hash, sizeof hash);
}

enum fast_open_verdict fast_open_check(const struct fast_open_key keys[2],
                                       const struct tcp_tuple *tuple, const struct tcp_segment *syn)
{
    uint8_t cookie[FAST_OPEN_COOKIE_BYTES];

    if (syn->fast_open_length != sizeof cookie) {
        return FAST_OPEN_WRONG;
    }
    fast_open_cookie(&keys[0], tuple, cookie);
    if (memcmp(cookie, syn->fast_open, sizeof cookie) == 0) {
        return FAST_OPEN_GOOD;
    }
    fast_open_cookie(&keys[1], tuple, cookie);
    return memcmp(cookie, syn->fast_open, sizeof cookie) == 0 ? FAST_OPEN_OLD : FAST_OPEN_WRONG;
}

static void forget_old_resets(struct fast_open_pending *pending, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - pending->since_ns;

    if (passed_ns >= FAST_OPEN_RESET_NS) {
        pending->resets[1] = passed_ns < 2 * FAST_OPEN_RESET_NS ? pending->resets[0] : 0;
        pending->resets[0] = 0;
        pending->since_ns = now_ns;
    }
}

bool fast_open_has_room(struct fast_open_pending *pending, uint64_t now_ns)
{
    forget_old_resets(pending, now_ns);
    return (uint64_t)pending->count + pending->resets[0] + pending->resets[1] < pending->max;
}

void fast_open_reset(struct fast_open_pending *pending, uint64_t now_ns)
{
    forget_old_resets(pending, now_ns);
    pending->resets[0]++;
}

void tcp_fast_open_keys(struct tcp *tcp, const struct fast_open_key *keys, unsigned count)
{
    struct fast_open_key first = fast_open_first_key(tcp->secret);

    tcp->fast_open.keys[0] = count > 0 ? keys[0] : first;
    tcp->fast_open.keys[1] = count > 1 ? keys[1] : first;
}

static struct fast_open_pending *pending_of(const struct tcp_conn *conn)
{
    return &conn->tcp->listeners[conn->listener].fast_open;
}

/* What the application may do from here on is what it may do in ESTABLISHED: it is told of
 * the connection, its answer goes out behind the SYN-ACK. */
static void open_early(struct tcp_conn *conn, const struct tcp_segment *syn)
{
    struct tcp_segment text = *syn;

    conn->snd.wnd = syn->window;
    conn->snd.wnd_max = syn->window;
    conn->snd.wl1 = syn->seq;
    conn->snd.wl2 = conn->snd.una;
    conn->cc->open(conn);
    conn->flags |= TCP_CONN_OPEN_TOLD;
    conn->tcp->events->open(conn);
    if (conn->state == TCP_CLOSED) {
        return;
    }
    /* A FIN that came with it comes again: it is not acknowledged. */
    text.flags = (uint16_t)(text.flags & ~(TCP_SYN | TCP_FIN));
    text.seq++;
    if (text.payload.length > tcp_window(conn)) {
        tcp_trim_right(conn, &text);
    }
    tcp_accept_text(conn, &text);
}

/* Where no cookie is asked for, text asks by itself. */
static bool is_asked_for(const struct tcp_segment *syn, bool no_cookie)
{
    return syn->options_seen & TCP_OPT_FAST_OPEN || (no_cookie && syn->payload.length > 0);
}

void tcp_fast_open_serve(struct tcp_conn *conn, const struct tcp_segment *syn)
{
    struct tcp *tcp = conn->tcp;
    struct fast_open_pending *pending = pending_of(conn);
    bool no_cookie = tcp->listeners[conn->listener].settings.fast_open_no_cookie;
    enum fast_open_verdict verdict;

    if (pending->max == 0 || !is_asked_for(syn, no_cookie)) {
        return;
    }
    if (!fast_open_has_room(pending, tcp->now_ns)) {
        tcp->counters.fast_open_refused++;
        return;
    }
    verdict = no_cookie ? FAST_OPEN_GOOD : fast_open_check(tcp->fast_open.keys, &conn->tuple, syn);
    if (verdict != FAST_OPEN_GOOD) {
        conn->flags |= TCP_CONN_FAST_OPEN_GRANT;
    }
    if (verdict == FAST_OPEN_WRONG) {
        tcp->counters.fast_open_refused += syn->fast_open_length > 0;
        return;
    }
    conn->flags |= TCP_CONN_FAST_OPEN;
    conn->syn_data = syn->payload.length > 0;
    pending->count++;
    tcp->counters.fast_open_accepted++;
    open_early(conn, syn);
}

void tcp_fast_open_leave(struct tcp_conn *conn)
{
    if (tcp_conn_has(conn, TCP_CONN_FAST_OPEN)) {
        assert(pending_of(conn)->count > 0);
        pending_of(conn)->count--;
        conn->flags &= ~(uint32_t)TCP_CONN_FAST_OPEN;
    }
}

/* The text of a SYN is cut by the largest options that it may have: those of a SYN and the
 * cookie, and by what the server said it takes (RFC 7413 section 4.1.3.2). One that has said
 * nothing yet, whose cookie is not needed, is sent what the path takes, as Linux does. */
static void size_text(struct tcp_conn *conn, const struct fast_open_peer *peer)
{
    uint32_t path = conn->path.mtu - tcp_headers_bytes(&conn->tuple.remote);
    uint32_t mss = peer && peer->mss > 0 ? min_u32(peer->mss, path) : path;

    conn->snd.mss =
        (uint16_t)min_u32(max_u32(mss, TCP_MSS_MIN) - TCP_OPTIONS_BYTES_MAX, conn->snd.mss);
}

void tcp_fast_open_begin(struct tcp_conn *conn, bool no_cookie)
{
    const struct fast_open_peer *peer =
        fast_open_cache_find(&conn->tcp->fast_open.cache, &conn->tuple);

    if (peer && conn->tcp->now_ns < peer->until_ns) {
        return;
    }
    conn->flags |= TCP_CONN_FAST_OPEN;
    conn->no_cookie = no_cookie;
    if (no_cookie || (peer && peer->length > 0)) {
        size_text(conn, peer);
    }
}

static bool is_first_syn(const struct tcp_conn *conn)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;

    return conn->state == TCP_SYN_SENT && sendq_at(sendq, sendq->head)->transmissions == 0;
}

bool tcp_fast_open_option(const struct tcp_conn *conn, uint8_t *cookie, uint8_t *length)
{
    struct tcp_fast_open *fast_open = &conn->tcp->fast_open;
    const struct fast_open_peer *peer;

    *length = 0;
    if (tcp_conn_has(conn, TCP_CONN_FAST_OPEN_GRANT)) {
        fast_open_cookie(&fast_open->keys[0], &conn->tuple, cookie);
        *length = FAST_OPEN_COOKIE_BYTES;
        return true;
    }
    if (!tcp_conn_has(conn, TCP_CONN_FAST_OPEN) || conn->no_cookie || !is_first_syn(conn)) {
        return false;
    }
    peer = fast_open_cache_find(&fast_open->cache, &conn->tuple);
    if (peer) {
        *length = peer->length;
        memcpy(cookie, peer->cookie, peer->length);
    }
    return true;
}

bool tcp_fast_open_carries(const struct tcp_conn *conn)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;
    const struct fast_open_peer *peer;

    if (!tcp_conn_has(conn, TCP_CONN_FAST_OPEN) || !is_first_syn(conn) || sendq_count(sendq) < 2 ||
        sendq_at(sendq, sendq->head + 1)->slice.length == 0) {
        return false;
    }
    if (conn->no_cookie) {
        return true;
    }
    peer = fast_open_cache_find(&conn->tcp->fast_open.cache, &conn->tuple);
    return peer && peer->length > 0;
}

static void take_mss(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    struct fast_open_peer *peer = fast_open_cache_take(&conn->tcp->fast_open.cache, &conn->tuple);

    peer->mss = seg->options_seen & TCP_OPT_MSS ? seg->mss : tcp_mss_default(&conn->tuple.remote);
}

static void take_cookie(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    struct fast_open_peer *peer = fast_open_cache_take(&conn->tcp->fast_open.cache, &conn->tuple);

    peer->length = seg->fast_open_length;
    memcpy(peer->cookie, seg->fast_open, seg->fast_open_length);
    take_mss(conn, seg);
}

/* Without a cookie: what the server takes is kept all the same, and no cookie that nobody has
 * asked for. */
static void learn_without(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    struct fast_open_peer *peer = fast_open_cache_take(&conn->tcp->fast_open.cache, &conn->tuple);

    peer->failures = 0;
    take_mss(conn, seg);
}

static void learn_with(struct tcp_conn *conn, const struct tcp_segment *seg, bool refused)
{
    struct fast_open_peer *peer = fast_open_cache_find(&conn->tcp->fast_open.cache, &conn->tuple);

    if (peer) {
        peer->failures = 0;
        if (refused) {
            peer->length = 0; /* and no other given: the next SYN asks for one */
        }
        peer->mss = seg->options_seen & TCP_OPT_MSS ? seg->mss : peer->mss;
    }
    if (seg->options_seen & TCP_OPT_FAST_OPEN && seg->fast_open_length > 0) {
        take_cookie(conn, seg);
    }
}

/* Without Fast Open it was answered: the way may not take what is unusual in a SYN. */
static void take_failure(struct tcp_conn *conn)
{
    struct fast_open_peer *peer = fast_open_cache_take(&conn->tcp->fast_open.cache, &conn->tuple);

    peer->until_ns =
        conn->tcp->now_ns + (BLOCKED_NS << min_u32(peer->failures, BLOCKED_DOUBLINGS_MAX));
    peer->failures = (uint8_t)min_u32(peer->failures + 1u, UINT8_MAX);
    conn->tcp->counters.fast_open_lost++;
}

void tcp_fast_open_learn(struct tcp_conn *conn, const struct tcp_segment *seg)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;
    bool carried = conn->snd.nxt != conn->snd.iss + 1;
    bool text_took = carried && seg->ack != conn->snd.iss + 1; /* of it, some at least */
    bool given = seg->options_seen & TCP_OPT_FAST_OPEN && seg->fast_open_length > 0;
    /* One that went again, since a router called it too big, had neither text nor cookie. */
    bool once = sendq_at(sendq, sendq->head)->transmissions == 1;

    if (!tcp_conn_has(conn, TCP_CONN_FAST_OPEN)) {
        return;
    }
    conn->flags &= ~(uint32_t)TCP_CONN_FAST_OPEN;
    if (conn->no_cookie && !carried) {
        return; /* its SYN was as any other */
    }
    /* What only the first SYN had is answered: that one came through, and its answer did not. */
    if (tcp_conn_has(conn, TCP_CONN_SYN_LOST) && !text_took && !given) {
        take_failure(conn);
        return;
    }
    if (conn->no_cookie) {
        learn_without(conn, seg);
    } else {
        learn_with(conn, seg, carried && once && !text_took);
    }
    conn->syn_data = carried && seg->ack == conn->snd.nxt;
    conn->tcp->counters.fast_open_taken += conn->syn_data;
}
