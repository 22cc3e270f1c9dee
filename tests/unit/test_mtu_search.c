/*
 * Goal:   whatever a path takes, all bytes arrive, and in the end segments are as large as it
 *         takes, or nearly (tcp/mtu.h), at the cost of a few lost probes.
 * Method: a path that drops what is larger than its MTU and says nothing, or answers with
 *         ICMP; a receiver that has a bit for each byte; searches from the start, behind a
 *         black hole, and when the path has become another.
 */
#include "tests/unit/tcp_fixture.h"

#include "tests/unit/tcp_fixture_port.h"

#define STREAM_BYTES 500000u

/* The far end of the path. */
struct receiver {
    uint32_t mtu; /* of the path, bytes */
    bool tells;   /* routers send ICMP */
    uint32_t ack;
    uint32_t end;               /* of what has arrived; sequence number */
    bool has[STREAM_BYTES + 2]; /* by sequence number */
};

static struct receiver receiver;

static void take(struct tcp_fixture *f, const struct seg *seg)
{
    if (seg->ip_bytes > receiver.mtu) {
        if (receiver.tells) {
            icmp_says(f, NET_ICMP_FRAG_NEEDED, seg->seq, (uint16_t)receiver.mtu);
        }
        return;
    }
    assert_true(seg->seq + seg->bytes <= STREAM_BYTES + 1);
    memset(&receiver.has[seg->seq], true, seg->bytes);
    receiver.end = max_u32(receiver.end, seg->seq + seg->bytes);
}

/* The first blocks behind what is acknowledged. */
static struct seg answer(const struct tcp_fixture *f)
{
    struct seg seg = {.flags = TCP_ACK, .seq = 1};
    unsigned count = 0;
    uint32_t at;

    while (receiver.has[receiver.ack]) {
        receiver.ack++;
    }
    seg.ack = receiver.ack;
    at = receiver.ack;
    while (f->peer->sack && count < 3 && at < receiver.end) {
        uint32_t start;

        while (at < receiver.end && !receiver.has[at]) {
            at++;
        }
        start = at;
        while (receiver.has[at]) {
            at++;
        }
        if (at > start) {
            seg.sack[count++] = (struct tcp_sack_block){start, at};
        }
    }
    return seg;
}

/* What the stack has sent arrives or does not; each segment that does is answered. */
static bool carry(struct tcp_fixture *f)
{
    static struct seg sent[FIXTURE_OUTBOX];
    unsigned count = f->port->sent_end - f->port->sent_first;

    for (unsigned i = 0; i < count; i++) {
        sent[i] = f->port->outbox[f->port->sent_first + i].seg;
    }
    forget_sent(f);
    for (unsigned i = 0; i < count; i++) {
        struct seg ack;

        take(f, &sent[i]);
        if (sent[i].ip_bytes <= receiver.mtu) {
            ack = answer(f);
            peer_queue(f, &ack);
            if (f->port->arrived == 32) {
                turn(f);
            }
        }
    }
    turn(f);
    return count > 0;
}

/* The application always has something to send, until the stream ends. */
static void stream(struct tcp_fixture *f, uint32_t until)
{
    for (unsigned rounds = 0; receiver.ack <= until; rounds++) {
        uint32_t left = until - f->peer->told.queued;

        assert_true(rounds < 100000);
        if (left > 0 && tcp_conn_queued(conn_of(f)) < 40000) {
            app_sends(f, min_u32(left, 20000));
        }
        if (!carry(f)) {
            wait_ns(f, MS(5));
        }
    }
    forget_sent(f);
}

static uint32_t text_of(const struct tcp_fixture *f, uint32_t mtu)
{
    return min_u32(mtu - (f->v6 ? 60 : 40), f->peer->mss);
}

static struct tcp_fixture *begin(void **state, enum tcp_mtu_probing probing, uint32_t mtu)
{
    struct tcp_fixture *f = *state;

    memset(&receiver, 0, sizeof receiver);
    receiver.mtu = mtu;
    receiver.ack = 1;
    f->settings.policy.mtu_probing = probing & 3u;
    f->peer->mss = 1460;
    establish(f);
    return f;
}

/* As much as passes, or less by what ends the search. */
static void assert_found(struct tcp_fixture *f)
{
    uint32_t passes = text_of(f, min_u32(receiver.mtu, f->mtu));

    print_message("  path %u: segments of %u, %llu probes, %llu of them lost\n", receiver.mtu,
                  conn_of(f)->snd.mss, (unsigned long long)f->tcp.counters.mtu_probes,
                  (unsigned long long)f->tcp.counters.mtu_probes_lost);
    assert_in_range(conn_of(f)->snd.mss, passes - TCP_MTU_SEARCH_END + 1, passes);
    assert_true(f->tcp.counters.mtu_probes_lost <= 10);
}

static const uint32_t paths[] = {1500, 1492, 1488, 1480, 1450, 1420, 1400, 1373, 1281, 1280};

/* Shows: RFC 4821 7.6a, 7.6b. */
static void a_search_from_the_start(void **state)
{
    for (unsigned i = 0; i < 2 * COUNT_OF(paths); i++) {
        struct tcp_fixture *f = *state;

        f->peer->sack = i % 2 == 0;
        f = begin(state, TCP_MTU_PROBING_ALWAYS, paths[i / 2]);
        stream(f, STREAM_BYTES);
        assert_found(f);
        assert_int_equal(f->tcp.counters.rto_expired, 0);
        (void)start_over(state);
    }
}

/* Shows: RFC 4821 7.7a. */
static void a_search_behind_a_black_hole(void **state)
{
    for (unsigned i = 0; i < 2 * COUNT_OF(paths); i++) {
        struct tcp_fixture *f = *state;

        f->peer->sack = i % 2 == 0;
        f = begin(state, TCP_MTU_PROBING_AFTER_BLACK_HOLE, paths[i / 2]);
        stream(f, STREAM_BYTES);
        assert_found(f);
        assert_int_equal(f->tcp.counters.black_holes, paths[i / 2] < 1500);
        (void)start_over(state);
    }
}

/* Below what a search begins with: only IPv4 has such paths. */
static void a_narrow_path(void **state)
{
    static const uint32_t narrow[] = {1006, 800, 576};

    for (unsigned i = 0; i < COUNT_OF(narrow); i++) {
        struct tcp_fixture *f = begin(state, TCP_MTU_PROBING_AFTER_BLACK_HOLE, narrow[i]);

        stream(f, STREAM_BYTES);
        assert_found(f);
        assert_int_equal(f->tcp.counters.black_holes, 2);
        (void)start_over(state);
    }
}

/* Routers that answer shorten the search to two probes. */
static void a_search_with_icmp(void **state)
{
    struct tcp_fixture *f = begin(state, TCP_MTU_PROBING_ALWAYS, 1373);

    receiver.tells = true;
    stream(f, STREAM_BYTES);
    assert_found(f);
    assert_int_equal(conn_of(f)->snd.mss, text_of(f, 1373));
    assert_int_equal(f->tcp.counters.mtu_probes, 2);
}

/* The route changes to a narrower one, and later back. */
static void a_path_that_changes(void **state)
{
    struct tcp_fixture *f = begin(state, TCP_MTU_PROBING_AFTER_BLACK_HOLE, 1500);

    stream(f, 50000);
    assert_int_equal(f->tcp.counters.mtu_probes, 0);
    receiver.mtu = 1320;
    stream(f, 300000);
    assert_found(f);
    receiver.mtu = 1500;
    stream(f, 350000);
    assert_true(conn_of(f)->snd.mss <= text_of(f, 1320)); /* not before its time */
    wait_ns(f, SECONDS(601));
    stream(f, STREAM_BYTES);
    assert_found(f);
    assert_false(tcp_conn_has(conn_of(f), TCP_CONN_MTU_LOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_search_from_the_start), SCRIPT(a_search_behind_a_black_hole),
        SCRIPT_V4(a_narrow_path),        SCRIPT(a_search_with_icmp),
        SCRIPT(a_path_that_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
