#include "tcp/pacing.h"

#include "tcp/cc.h"
#include "tcp/tcp.h"

#include <string.h>

/* Bytes; the longest aggregate of Linux, too. */
static const uint32_t quantum_max = 65536;
/* A millisecond, about: of a rate, its shift. */
static const unsigned quantum_shift = 10;
/* The lowest rate, about 1 KB/s: a segment of the largest size is sent within 70 s. */
static const uint64_t rate_min = 1u << 10;
/* tcp_pacing_ss_ratio and tcp_pacing_ca_ratio, percent. */
static const uint64_t slow_start_percent = 200;
static const uint64_t avoidance_percent = 120;
/* byte_ns is a fraction. */
static const unsigned byte_ns_shift = 20;

/* Connections released in one call; the rest waits a turn. */
static const unsigned released_per_turn = 4096;

static struct tcp_pacing *place_of(const struct tcp_conn *conn)
{
    return &conn->tcp->pacer.places[conn->index];
}

static uint64_t clock_of(uint64_t now_ns)
{
    return now_ns << PACING_CLOCK_SHIFT;
}

void pacer_init(struct tcp_pacer *pacer, struct tcp_pacing *places, uint64_t now_ns)
{
    pacer->places = places;
    pacer->waiting = 0;
    wheel_init(&pacer->wheel, clock_of(now_ns));
}

/* Whether it stood there. */
static bool leave_wheel(struct tcp_conn *conn)
{
    struct tcp_pacer *pacer = &conn->tcp->pacer;
    struct tcp_pacing *pacing = place_of(conn);

    if (!wheel_is_armed(&pacing->timer)) {
        return false;
    }
    wheel_cancel(&pacer->wheel, &pacing->timer);
    pacer->waiting--;
    return true;
}

/* Linux's tcp_update_pacing_rate(); its slow start ends, for this, at half of ssthresh. */
static uint64_t rate_of_window(const struct tcp_conn *conn)
{
    uint64_t window = max_u32(conn->cwnd, conn->snd.nxt - conn->snd.una);
    uint64_t percent = conn->cwnd < conn->ssthresh / 2 ? slow_start_percent : avoidance_percent;

    if (conn->rtt.srtt_ns == 0) {
        return 0;
    }
    return ((window * percent / 100) << TCP_RATE_SHIFT) / conn->rtt.srtt_ns;
}

void pacing_set_rate(struct tcp_conn *conn, uint64_t rate)
{
    place_of(conn)->rate = rate;
}

uint64_t pacing_rate(const struct tcp_conn *conn)
{
    return place_of(conn)->rate;
}

uint64_t pacing_free_ns(const struct tcp_conn *conn)
{
    return place_of(conn)->next_ns;
}

uint32_t pacing_quantum(const struct tcp_conn *conn)
{
    uint64_t bytes = min_u64(place_of(conn)->rate >> quantum_shift, quantum_max);

    return max_u32((uint32_t)bytes, 2u * conn->snd.mss);
}

/* A burst begins: the only divisions, at most two a burst. Whoever `waited` is served by the time
 * table, not by when the worker came to it. */
static void begin_burst(struct tcp_conn *conn, bool waited)
{
    struct tcp_pacing *pacing = place_of(conn);
    uint64_t now_ns = conn->tcp->now_ns;
    uint64_t span_ns;

    if (!tcp_cc_has_model(conn->cc)) {
        pacing->rate = rate_of_window(conn);
    }
    pacing->byte_ns = pacing->rate == 0 ? 0
                                        : (1ull << (TCP_RATE_SHIFT + byte_ns_shift)) /
                                              max_u64(pacing->rate, rate_min);
    span_ns = (pacing_quantum(conn) * pacing->byte_ns) >> byte_ns_shift;
    pacing->next_ns = max_u64(pacing->next_ns, waited ? now_ns - min_u64(now_ns, span_ns) : now_ns);
    pacing->limit_ns = pacing->next_ns + span_ns;
}

static void expire(struct wheel_entry *entry, void *ctx)
{
    struct tcp *tcp = ctx;
    struct tcp_pacing *pacing = container_of(entry, struct tcp_pacing, timer);
    struct tcp_conn *conn = slab_at(&tcp->conns, (uint32_t)(pacing - tcp->pacer.places));

    tcp->pacer.waiting--;
    if (pacing->next_ns <= tcp->now_ns) { /* else a probe went meanwhile */
        begin_burst(conn, true);
    }
    tcp_conn_want_output(conn);
}

static void wait_for_release(struct tcp_conn *conn)
{
    struct tcp *tcp = conn->tcp;
    struct tcp_pacer *pacer = &tcp->pacer;
    struct tcp_pacing *pacing = place_of(conn);

    if (!wheel_is_armed(&pacing->timer) && pacer->waiting++ == 0) {
        /* The wheel stood still while nobody waited. */
        wheel_advance(&pacer->wheel, clock_of(tcp->now_ns), expire, tcp, 0);
    }
    wheel_arm(&pacer->wheel, &pacing->timer, clock_of(pacing->next_ns));
}

void pacing_follow(struct tcp_conn *conn)
{
    struct tcp_pacing *pacing = place_of(conn);
    bool wanted = tcp_cc_has_model(conn->cc) || tcp_conn_policy(conn)->pacing;

    if (wanted == tcp_conn_has(conn, TCP_CONN_PACED)) {
        return;
    }
    if (!wanted) {
        pacing_end(conn);
        conn->flags &= ~(uint32_t)TCP_CONN_PACED;
        tcp_conn_want_output(conn);
        return;
    }
    memset(pacing, 0, sizeof *pacing);
    wheel_entry_init(&pacing->timer);
    conn->flags |= TCP_CONN_PACED;
}

void pacing_end(struct tcp_conn *conn)
{
    (void)leave_wheel(conn);
}

bool pacing_allows(struct tcp_conn *conn)
{
    struct tcp_pacing *pacing = place_of(conn);
    uint64_t now_ns = conn->tcp->now_ns;

    if (pacing->next_ns < pacing->limit_ns && pacing->limit_ns >= now_ns) {
        return true; /* the burst is not over */
    }
    if (pacing->next_ns > now_ns) {
        wait_for_release(conn);
        return false;
    }
    begin_burst(conn, leave_wheel(conn));
    return true;
}

void pacing_on_timeout(struct tcp_conn *conn)
{
    struct tcp_pacing *pacing = place_of(conn);

    (void)leave_wheel(conn);
    pacing->next_ns = min_u64(pacing->next_ns, conn->tcp->now_ns);
    pacing->limit_ns = pacing->next_ns;
}

bool pacing_is_waiting(const struct tcp_conn *conn)
{
    return wheel_is_armed(&place_of(conn)->timer);
}

void pacing_count(struct tcp_conn *conn, uint32_t bytes)
{
    struct tcp_pacing *pacing = place_of(conn);

    /* Rounded up: a burst of so many segments ends with the last of them. */
    pacing->next_ns += (bytes * pacing->byte_ns + (1u << byte_ns_shift) - 1) >> byte_ns_shift;
}

void pacer_run(struct tcp *tcp)
{
    if (tcp->pacer.waiting > 0) {
        wheel_advance(&tcp->pacer.wheel, clock_of(tcp->now_ns), expire, tcp, released_per_turn);
    }
}
