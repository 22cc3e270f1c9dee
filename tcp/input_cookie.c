/* LISTEN with SYN cookies (RFC 4987 section 3.6): what stands in for SYN-RECEIVED when too
 * many connections are in it. */
#include "tcp/input.h"

#include "tcp/admission.h"
#include "tcp/emit.h"
#include "tcp/syncookie.h"
#include "tcp/window.h"

static struct syncookie_of cookie_of(const struct tcp *tcp, const struct tcp_tuple *tuple,
                                     uint32_t irs)
{
    return (struct syncookie_of){
        .base = isn_make(tcp->secret, tuple, 0), .irs = irs, .now_ns = tcp->now_ns};
}

/* What the SYN-ACK says and the ACK is held to, whatever the pressure on frames: nobody would
 * remember that it was less. */
static uint32_t window_of(const struct tcp_settings *settings)
{
    return min_u32(settings->receive_buffer, UINT16_MAX);
}

static bool agrees_to_timestamps(const struct tcp_settings *settings, const struct tcp_segment *seg)
{
    return settings->timestamps && seg->options_seen & TCP_OPT_TIMESTAMPS;
}

/* Classic ECN needs to be remembered; the peer's ACK says of the accurate one that it was agreed
 * to (RFC 9768 section 5.1). */
static enum tcp_ecn_mode ecn_of(const struct tcp_settings *settings, const struct tcp_segment *syn)
{
    enum tcp_ecn_mode mode = ecn_agreed(ecn_most(settings), syn);

    return mode == TCP_ECN_CLASSIC && !agrees_to_timestamps(settings, syn) ? TCP_ECN_OFF : mode;
}

/* The options of a SYN-ACK; scale and SACK only with timestamps, which remember them. */
static struct tcp_options_out options_of(const struct tcp *tcp, const struct tcp_settings *settings,
                                         const struct tcp_segment *syn)
{
    enum tcp_ecn_mode ecn = ecn_of(settings, syn);
    struct syncookie_options kept = {.wscale = SYNCOOKIE_NO_WSCALE, .ecn = ecn == TCP_ECN_CLASSIC};
    struct tcp_options_out options = {.seen = TCP_OPT_MSS};

    if (ecn == TCP_ECN_ACCURATE && settings->policy.ecn_option) {
        ecn_cookie_option(&options);
    }
    if (!agrees_to_timestamps(settings, syn)) {
        return options;
    }
    options.seen |= TCP_OPT_TIMESTAMPS;
    options.ts_ecr = syn->ts_val;
    if (settings->window_scale && syn->options_seen & TCP_OPT_WSCALE) {
        options.seen |= TCP_OPT_WSCALE;
        options.wscale = tcp_window_scale(settings);
        kept.wscale = (uint8_t)min_u32(syn->wscale, TCP_WSCALE_MAX);
    }
    if (settings->sack && syn->options_seen & TCP_OPT_SACK_PERMITTED) {
        options.seen |= TCP_OPT_SACK_PERMITTED;
        kept.sack = true;
    }
    options.ts_val = syncookie_timestamp(tcp->now_ms, &kept);
    return options;
}

void tcp_cookie_answer(struct tcp *tcp, struct tcp_listener *listener,
                       const struct tcp_arrival *arrival)
{
    const struct tcp_settings *settings = &listener->settings;
    const struct tcp_segment *syn = &arrival->seg;
    struct syncookie_of of = cookie_of(tcp, &arrival->tuple, syn->seq);
    uint16_t mss = tcp_mss_default(&arrival->tuple.remote);
    struct emit_syn_ack answer = {
        .ack = syn->seq + 1,
        .flags = ecn_cookie_flags(ecn_of(settings, syn), syn),
        .window = (uint16_t)window_of(settings),
        .tos = settings->tos,
        .ttl = settings->ttl,
        .options = options_of(tcp, settings, syn),
    };
    struct net_path path;

    if (!emit_has_room(tcp) || net_path_find(tcp->net, &arrival->tuple.remote, &path) != 0) {
        return; /* the SYN comes again */
    }
    if (syn->options_seen & TCP_OPT_MSS) {
        mss = syn->mss;
    }
    answer.seq = syncookie_make(tcp->secret, &of, mss);
    answer.options.mss = (uint16_t)(path.mtu - tcp_headers_bytes(&arrival->tuple.remote));
    if (settings->mss_max > 0) {
        answer.options.mss =
            (uint16_t)min_u32(answer.options.mss, max_u32(settings->mss_max, TCP_MSS_MIN));
    }
    answer.options.ts_val += of.base.ts_offset;
    if (emit_syn_ack(tcp, &arrival->tuple, &answer)) {
        listener->cookie_ns = max_u64(tcp->now_ns, 1);
        tcp->counters.syn_cookies_sent++;
    }
}

/* The SYN that the cookie was an answer to, as far as it says. False when this is no ACK of
 * one. */
static bool restore_syn(const struct tcp *tcp, const struct tcp_settings *settings,
                        const struct tcp_arrival *arrival, struct tcp_segment *syn)
{
    const struct tcp_segment *ack = &arrival->seg;
    struct syncookie_of of = cookie_of(tcp, &arrival->tuple, ack->seq - 1);
    struct syncookie_options kept;

    *syn = (struct tcp_segment){.seq = ack->seq - 1,
                                .flags = ecn_cookie_syn_flags(ecn_most(settings), ack),
                                .options_seen = TCP_OPT_MSS};
    if (!syncookie_check(tcp->secret, &of, ack->ack - 1, &syn->mss)) {
        return false;
    }
    if (!agrees_to_timestamps(settings, ack)) {
        return true;
    }
    if (!syncookie_read_timestamp(tcp->now_ms, ack->ts_ecr - of.base.ts_offset, &kept)) {
        return false;
    }
    syn->options_seen |= TCP_OPT_TIMESTAMPS | (kept.sack ? TCP_OPT_SACK_PERMITTED : 0);
    syn->ts_val = ack->ts_val;
    syn->flags = kept.ecn ? TCP_CWR | TCP_ECE : syn->flags;
    if (kept.wscale != SYNCOOKIE_NO_WSCALE) {
        syn->options_seen |= TCP_OPT_WSCALE;
        syn->wscale = kept.wscale;
    }
    return true;
}

/* As if it had been in SYN-RECEIVED until now. The SYN-ACK gives no round-trip time: when it
 * went is forgotten, and its timestamp says something else. */
static void begin(struct tcp_conn *conn, const struct tcp_segment *syn, uint32_t iss)
{
    uint32_t window = window_of(&conn->tcp->listeners[conn->listener].settings);

    conn->mss_told = (uint16_t)(conn->path.mtu - tcp_headers_bytes(&conn->tuple.remote));
    conn->rcv.irs = syn->seq;
    conn->rcv.nxt = syn->seq + 1;
    conn->rcv.edge = conn->rcv.nxt + window;
    conn->rcv.acked = conn->rcv.nxt;
    conn->tcp->promised_bytes += window;
    tcp_take_syn_options(conn, syn);
    ecn_take_syn(conn, syn);
    conn->ts_offset = isn_make(conn->tcp->secret, &conn->tuple, 0).ts_offset;
    conn->snd.iss = iss;
    conn->snd.una = iss + 1;
    conn->snd.nxt = iss + 1;
    tcp_state_set(conn, TCP_SYN_RECEIVED);
}

static bool was_sent_lately(const struct tcp *tcp, const struct tcp_listener *listener)
{
    return listener->cookie_ns != 0 && tcp->now_ns - listener->cookie_ns < SYNCOOKIE_LIFE_NS;
}

bool tcp_cookie_accept(struct tcp *tcp, struct tcp_listener *listener,
                       const struct tcp_arrival *arrival, struct tcp_conn **out)
{
    const struct tcp_segment *seg = &arrival->seg;
    struct tcp_segment syn;
    struct tcp_conn *conn;

    *out = NULL;
    if (!was_sent_lately(tcp, listener)) {
        return false;
    }
    if (!restore_syn(tcp, &listener->settings, arrival, &syn)) {
        tcp->counters.syn_cookies_failed++;
        /* Text from further on, whose beginning was lost with the ACK, does not say what the
         * SYN was: the beginning comes again. */
        return seg->payload.length > 0;
    }
    /* Without an answer the peer sends its data again, or its keepalive: it has one more
     * chance then, as long as the cookie is good. */
    if (!tcp_admission_has_room(tcp, listener)) {
        return true;
    }
    conn = tcp_conn_create(tcp, &arrival->tuple, arrival->hash, &listener->settings);
    if (!conn) {
        tcp->counters.dropped_no_memory++;
        return true;
    }
    tcp->counters.syn_cookies_accepted++;
    tcp_admission_begin(conn, listener);
    begin(conn, &syn, seg->ack - 1);
    ecn_take_last_ack(conn, seg);
    tcp_establish(conn, seg);
    conn->flags |= TCP_CONN_OPEN_TOLD;
    tcp->events->open(conn);
    if (!conn->flight) {
        ecn_last_ack_taken(conn); /* else it is when what it acknowledges is looked for */
    }
    *out = conn;
    return true;
}
