/*
 * Goal:   what the network below tells TCP (tcp/path.c): a path that takes less
 *         (RFC 1191), hard and soft ICMP errors (RFC 5461, RFC 5927), a neighbour
 *         that answers, does not, or whose entry serves another by now.
 * Method: scripts over one stack; ICMP errors as tables. The neighbour is asked for
 *         by ARP, so those tests are of IPv4.
 */
#include "tests/unit/tcp_fixture.h"

#include "tcp/cc.h"
#include "tcp/path.h"
#include "tests/unit/net_packets.h"
#include "tests/unit/tcp_fixture_port.h"

#include <netinet/in.h>

/* Shows: RFC 9293 MUST-54; RFC 5927 4a, 7.2a. */
static void icmp_must_quote_what_is_in_flight(void **state)
{
    static const struct {
        const char *name;
        uint32_t seq; /* in flight: 101 to 1500 */
        uint16_t mtu;
        bool taken;
    } cases[] = {
        {"acknowledged", 100, 1300, false},   {"its beginning", 101, 1300, true},
        {"what passes", 101, 1470, false},    {"its middle", 300, 1300, false},
        {"its last byte", 1500, 1300, false}, {"not sent yet", 1501, 1300, false},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint64_t ignored = f->tcp.counters.icmp_ignored;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        f->peer->mss = 1460;
        establish(f);
        app_sends(f, 100);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
        app_sends(f, 1400);
        expect(f, TCP_ACK, .seq = 101, .ack = 1, .bytes = 1400);
        icmp_says(f, NET_ICMP_FRAG_NEEDED, cases[i].seq, cases[i].mtu);
        assert_int_equal(conn_of(f)->path.mtu, cases[i].taken ? 1300 : 1500);
        assert_int_equal(f->tcp.counters.icmp_ignored - ignored, !cases[i].taken);
        forget_sent(f);
    }
    f->peer = &f->peers[7]; /* no connection at all */
    icmp_says(f, NET_ICMP_FRAG_NEEDED, 0, 1300);
    assert_int_equal(f->tcp.counters.icmp_ignored, COUNT_OF(cases));
}

static void icmp_of_another_protocol_is_not_ours(void **state)
{
    struct tcp_fixture *f = *state;
    struct net_icmp_error error = {.protocol = IPPROTO_UDP, .class = NET_ICMP_PORT_UNREACH};

    fixture_open(f);
    tcp_icmp_error(&f->tcp, &error, f->now_ns);
    assert_int_equal(f->tcp.counters.icmp_ignored, 0);
}

/* The segment fits the path, whatever made the MSS small before; and no router
 * drives it below what each path must carry.
 * Shows: RFC 5927 7.2b; RFC 1191 5a, 3b, 6.4a; RFC 4821 5.2a. */
static void a_smaller_path_cuts_segments(void **state)
{
    static const struct {
        const char *name;
        uint16_t mtu;
        uint16_t mss; /* of the peer */
        bool timestamps;
        uint32_t bytes[2]; /* of a full segment then */
    } cases[] = {
        {"smaller", 1300, 1460, false, {1260, 1240}},
        {"smaller, timestamps", 1300, 1460, true, {1248, 1228}},
        {"smaller, but the peer's MSS is the limit", 1400, 1000, false, {1000, 1000}},
        {"smaller than that", 700, 1000, false, {660, 1000}},
        {"smallest", 68, 1460, false, {536, 1440}},
        {"0, of an old router", 0, 1460, false, {536, 1440}},
        {"least of IPv6", 1280, 1460, false, {1240, 1220}},
        {"larger", 9000, 1400, false, {1400, 1400}},
    };
    struct tcp_fixture *f = *state;

    f->settings.timestamps = true;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t bytes = cases[i].bytes[f->v6];
        uint32_t first;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        f->peer->mss = cases[i].mss;
        f->peer->timestamps = cases[i].timestamps;
        establish(f);
        first = conn_of(f)->snd.mss;
        app_sends(f, first);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = first);
        icmp_says(f, NET_ICMP_FRAG_NEEDED, 1, cases[i].mtu);
        assert_int_equal(conn_of(f)->snd.mss, bytes);
        if (bytes < first) {
            expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = bytes);
            expect_silence(f); /* until there is an answer */
            peer_sends(f, TCP_ACK, .seq = 1, .ack = 1 + bytes);
            expect(f, TCP_ACK, .seq = 1 + bytes, .ack = 1, .bytes = min_u32(first - bytes, bytes));
        }
        forget_sent(f);
        app_aborts(f);
        forget_sent(f);
    }
}

static unsigned count_sent(const struct tcp_fixture *f)
{
    return f->port->sent_end - f->port->sent_first;
}

/* Only what the path has dropped goes again, one segment first, then twice as many with each
 * round of ACKs up to the window that was. So each message, feigned by whomever, is worth one.
 * Shows: RFC 1191 6.4b. */
static void what_was_too_big_goes_again_slowly(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t full = f->v6 ? 1440 : 1460;
    uint32_t told = full - 100; /* of a path of 1,400 */
    uint32_t small = 1 + 20 * full;
    uint32_t una = 1;
    uint32_t cwnd;

    f->settings.cc = &tcp_cc_newreno; /* its windows are easy to count */
    f->settings.nodelay = true;
    f->peer->mss = 1460;
    f->peer->window = 65535;
    establish(f);
    cwnd = 40 * full;
    conn_of(f)->cwnd = cwnd;
    app_sends(f, 20 * full);
    for (unsigned i = 0; i < 5; i++) {
        app_sends(f, 10);
    }
    assert_int_equal(count_sent(f), 25);
    forget_sent(f);
    icmp_says(f, NET_ICMP_FRAG_NEEDED, 1, 1400);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = told);
    expect_silence(f);
    for (uint16_t mtu = 1399; mtu > 1390; mtu--) { /* of the segments behind it, by turns */
        icmp_says(f, NET_ICMP_FRAG_NEEDED, 1 + full, mtu);
        assert_true(count_sent(f) <= 1);
        forget_sent(f);
    }
    assert_int_equal(conn_of(f)->path.mtu, 1391);
    assert_true(conn_of(f)->ssthresh >= cwnd);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{small, small + 50}});
    for (unsigned round = 0, most_sent = 4; una < small; round++, most_sent *= 2) {
        assert_true(round < 20);
        assert_true(count_sent(f) <= most_sent);
        forget_sent(f);
        una = min_u32(una + (1u << round) * told, small + 50);
        una = una >= small ? small + 50 : una;
        peer_sends(f, TCP_ACK, .seq = 1, .ack = una);
    }
    forget_sent(f);
    assert_int_equal(conn_of(f)->ssthresh, UINT32_MAX);
    assert_int_equal(f->tcp.counters.fast_recoveries, 0);
    assert_int_equal(f->tcp.counters.rto_expired, 0);
}

/* The peer has it: no router has dropped it for its size. */
static void what_was_sacked_was_not_too_big(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t full = f->v6 ? 1440 : 1460;

    f->peer->mss = 1460;
    establish(f);
    app_sends(f, 3 * full);
    forget_sent(f);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{1 + full, 1 + 2 * full}});
    forget_sent(f); /* what it shows to be lost */
    icmp_says(f, NET_ICMP_FRAG_NEEDED, 1 + full, 1400);
    expect_silence(f);
    assert_int_equal(conn_of(f)->path.mtu, 1500);
    icmp_says(f, NET_ICMP_FRAG_NEEDED, 1, 1400);
    assert_int_equal(conn_of(f)->path.mtu, 1400);
    forget_sent(f);
}

/* RFC 1122 section 4.2.3.9: hard errors abort, but only what is being opened; soft
 * ones do not, and tell why when the end comes by itself.
 * Shows: RFC 9293 MUST-56, SHLD-26; RFC 5927 5.2a. */
static void icmp_errors_end_only_opens(void **state)
{
    static const struct {
        const char *name;
        enum net_icmp_class class;
        bool hard;
    } cases[] = {
        {"port", NET_ICMP_PORT_UNREACH, true},   {"protocol", NET_ICMP_PROTO_UNREACH, true},
        {"host", NET_ICMP_HOST_UNREACH, false},  {"net", NET_ICMP_NET_UNREACH, false},
        {"time", NET_ICMP_TIME_EXCEEDED, false},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        assert_int_equal(app_connects(f), TCP_OK);
        expect(f, TCP_SYN, .seq = 0);
        icmp_says(f, cases[i].class, 0, 0);
        expect_state(f, cases[i].hard ? TCP_CLOSED : TCP_SYN_SENT);
        if (cases[i].hard) {
            assert_int_equal(f->peer->told.reason, TCP_REASON_UNREACHABLE);
            continue;
        }
        peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
        expect(f, TCP_ACK, .seq = 1, .ack = 1);
        app_sends(f, 10);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
        icmp_says(f, NET_ICMP_PORT_UNREACH, 1, 0);
        expect_state(f, TCP_ESTABLISHED);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 11);
    }
}

/* Told, and nothing ends.
 * Shows: RFC 9293 MUST-47, SHLD-25. */
static void a_soft_error_is_told(void **state)
{
    static const struct {
        const char *name;
        enum net_icmp_class class;
        enum tcp_trouble trouble;
    } cases[] = {
        {"network", NET_ICMP_NET_UNREACH, TCP_TROUBLE_UNREACHABLE},
        {"host", NET_ICMP_HOST_UNREACH, TCP_TROUBLE_UNREACHABLE},
        {"protocol", NET_ICMP_PROTO_UNREACH, TCP_TROUBLE_REFUSED},
        {"port", NET_ICMP_PORT_UNREACH, TCP_TROUBLE_REFUSED},
        {"filter", NET_ICMP_PROHIBITED, TCP_TROUBLE_PROHIBITED},
        {"time", NET_ICMP_TIME_EXCEEDED, TCP_TROUBLE_TIME},
        {"parameter", NET_ICMP_PARAM_PROBLEM, TCP_TROUBLE_PARAMETER},
    };
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        icmp_says(f, cases[i].class, 1, 0);
        assert_int_equal(f->peer->told.trouble, i + 1);
        assert_int_equal(conn_of(f)->trouble, cases[i].trouble);
    }
    icmp_says(f, NET_ICMP_HOST_UNREACH, 11, 0); /* of nothing that was sent */
    assert_int_equal(f->peer->told.trouble, COUNT_OF(cases));
    expect_state(f, TCP_ESTABLISHED);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 11);
}

/* Between R1 and R2, once, and the application may end it then.
 * Shows: RFC 9293 SHLD-9. */
static void silence_is_told(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.sack = false;
    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    for (unsigned i = 0; i < TCP_R1_RETRANSMISSIONS; i++) {
        assert_int_equal(f->peer->told.trouble, 0);
        expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1,
                     .bytes = 10);
    }
    assert_int_equal(f->peer->told.trouble, 1);
    assert_int_equal(conn_of(f)->trouble, TCP_TROUBLE_UNANSWERED);
    expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    assert_int_equal(f->peer->told.trouble, 1);
}

static void abort_inside(struct tcp_fixture *f, struct tcp_conn *conn)
{
    (void)f;
    tcp_abort(conn);
}

static void an_abort_inside(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.sack = false;
    f->app.trouble = abort_inside;
    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    for (unsigned i = 1; i < TCP_R1_RETRANSMISSIONS; i++) {
        expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1,
                     .bytes = 10);
    }
    expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_RST | TCP_ACK, .seq = 11, .ack = 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_ABORTED);

    f->peer = &f->peers[1];
    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    icmp_says(f, NET_ICMP_HOST_UNREACH, 1, 0);
    expect(f, TCP_RST | TCP_ACK, .seq = 11, .ack = 1);
}

/* Shows: RFC 9293 SHLD-25. */
static void a_soft_error_is_the_reason_when_an_open_gives_up(void **state)
{
    struct tcp_fixture *f = *state;

    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    icmp_says(f, NET_ICMP_HOST_UNREACH, 0, 0);
    for (unsigned i = 0; i < TCP_R2_SYN_RETRANSMISSIONS; i++) {
        expect_after(f, min_u64(SECONDS(1) << i, TCP_RTO_MAX_NS), TCP_SYN, .seq = 0);
    }
    wait_ns(f, TCP_RTO_MAX_NS + MS(1));
    assert_int_equal(f->peer->told.reason, TCP_REASON_UNREACHABLE);
}

static void arp_answers(struct tcp_fixture *f)
{
    tcp_turn_begin(&f->tcp, f->now_ns);
    assert_int_equal(net_neighbour_set(&f->net, &f->remote, &peer_mac), 0);
    turn(f);
}

static void a_syn_waits_for_the_neighbour(void **state)
{
    struct tcp_fixture *f = *state;

    f->unresolved = true;
    assert_int_equal(app_connects(f), TCP_OK);
    expect_silence(f);
    assert_int_equal(f->arp_requests, 1);
    arp_answers(f);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
}

/* It ends with its retransmissions, asking again each time. */
static void an_open_to_nobody_gives_up(void **state)
{
    struct tcp_fixture *f = *state;

    f->unresolved = true;
    assert_int_equal(app_connects(f), TCP_OK);
    wait_ns(f, SECONDS(600));
    expect_silence(f);
    assert_true(f->arp_requests > 3);
    assert_int_equal(f->peer->told.close, 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_UNREACHABLE);
}

/* A neighbour that has gone comes back before R2: nothing was lost, and the peer, which was asked
 * nothing, has not been silent. */
static void a_neighbour_may_come_back(void **state)
{
    struct tcp_fixture *f = *state;
    struct neighbour *neighbour;
    uint64_t back_ns;
    uint32_t cwnd;

    establish(f);
    cwnd = conn_of(f)->cwnd;
    neighbour = neighbour_at(&f->net.neighbours, conn_of(f)->path.neighbour);
    neighbour->state = NEIGHBOUR_FAILED;
    app_sends(f, 100);
    wait_ns(f, SECONDS(10));
    expect_silence(f);
    assert_true(f->arp_requests > 0);
    assert_int_equal(conn_of(f)->cwnd, cwnd);
    assert_int_equal(conn_of(f)->flight->recovery, TCP_RECOVERY_OPEN);
    assert_true(conn_of(f)->retransmissions > 1);
    back_ns = f->now_ns;
    arp_answers(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    assert_int_equal(conn_of(f)->retransmissions, 0);
    expect_after(f, conn_of(f)->rexmit_ns - f->now_ns, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    assert_true(f->now_ns - back_ns <= SECONDS(1));
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
}

/* Nor do its attempts come one RTO behind the other: R2 would be over within three seconds. */
static void a_neighbour_is_waited_for_as_long_as_r2_lasts(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    neighbour_at(&f->net.neighbours, conn_of(f)->path.neighbour)->state = NEIGHBOUR_FAILED;
    app_sends(f, 100);
    wait_ns(f, SECONDS(100)); /* RFC 9293 SHLD-11 */
    expect_silence(f);
    assert_int_equal(f->peer->told.close, 0);
    wait_ns(f, SECONDS(2000));
    assert_int_equal(f->peer->told.close, 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
}

static void writes_when_in_trouble(struct tcp_fixture *f, struct tcp_conn *conn)
{
    assert_true(++f->peer->told.trouble < 10);
    (void)tcp_send(conn, "", 1);
}

/* Each byte would bring the connection back on the list that is being served. */
static void trouble_that_wants_output_ends_the_turn(void **state)
{
    struct tcp_fixture *f = *state;

    f->app.trouble = writes_when_in_trouble;
    establish(f);
    neighbour_at(&f->net.neighbours, conn_of(f)->path.neighbour)->state = NEIGHBOUR_FAILED;
    app_sends(f, 100);
    assert_in_range(f->peer->told.trouble, 1, 2);
    expect_silence(f);
}

/* The entry was given to another neighbour: the path is found again. */
static void a_stale_path_is_found_again(void **state)
{
    struct tcp_fixture *f = *state;
    uint16_t index;

    establish(f);
    conn_of(f)->path.mtu = 1300;
    index = conn_of(f)->path.neighbour;
    f->net.neighbours.entries[index].generation++;
    app_sends(f, 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 100);
    assert_int_equal(conn_of(f)->path.mtu, 1300); /* what was learnt of it stays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(icmp_must_quote_what_is_in_flight),
        SCRIPT(icmp_of_another_protocol_is_not_ours),
        SCRIPT(a_smaller_path_cuts_segments),
        SCRIPT(what_was_too_big_goes_again_slowly),
        SCRIPT(what_was_sacked_was_not_too_big),
        SCRIPT(icmp_errors_end_only_opens),
        SCRIPT(a_soft_error_is_told),
        SCRIPT(silence_is_told),
        SCRIPT(an_abort_inside),
        SCRIPT(a_soft_error_is_the_reason_when_an_open_gives_up),
        SCRIPT_V4(a_syn_waits_for_the_neighbour),
        SCRIPT_V4(an_open_to_nobody_gives_up),
        SCRIPT_V4(a_neighbour_may_come_back),
        SCRIPT_V4(a_neighbour_is_waited_for_as_long_as_r2_lasts),
        SCRIPT_V6(trouble_that_wants_output_ends_the_turn),
        SCRIPT(a_stale_path_is_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
