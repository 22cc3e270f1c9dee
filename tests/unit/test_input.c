/*
 * Goal:   a burst of segments (tcp/burst.c, tcp/input.c): what is not whole, or not from a host, is
 *         counted and never answered; the rest is taken in the order of arrival; what
 *         belongs to nobody gets a RST, unless another worker owns it.
 * Method: scripts over one stack; broken packets byte by byte.
 */
#include "tests/unit/tcp_fixture.h"

#include "tests/unit/net_packets.h"
#include "tests/unit/tcp_fixture_port.h"

/* Shows: RFC 9293 MUST-3. */
static void broken_segments_are_counted(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_RST, .seq = 1, .bad_checksum = true);
    assert_int_equal(f->tcp.counters.dropped_checksum, 1);
    f->peer->port = 0;
    peer_sends(f, TCP_SYN, .seq = 0);
    f->peer->port = PEER_PORT;
    assert_int_equal(f->tcp.counters.dropped_malformed, 1);
    expect_silence(f);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->tcp.counters.segments_in, 4);
}

/* MUST-57, MUST-63. The protocol below drops most of them before.
 * Shows: RFC 9293 MUST-57, MUST-63. */
static void what_no_host_sent_is_counted(void **state)
{
    static const struct {
        const char *name;
        const char *src[2];
        uint8_t flags;
    } cases[] = {
        {"from a group", {"224.0.0.1", "ff02::1"}, 0},
        {"from nobody", {"0.0.0.0", "::"}, 0},
        {"to a group", {"10.0.0.2", "2001:db8::2"}, PACKET_TO_GROUP},
    };
    struct tcp_fixture *f = *state;

    fixture_open(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct fixture_packet bytes;
        struct packet packet;
        const struct packet *packets[] = {&packet};
        struct seg syn = SEG(TCP_SYN, .seq = 0);
        struct port_packet raw = {.frame =
                                      frame_take(&f->pool, FRAME_BUDGET_RECEIVE, FRAME_WORKER)};

        print_message("  %s\n", cases[i].name);
        fixture_write(f, &syn, &bytes);
        memcpy(frame_data(&f->pool, raw.frame), bytes.bytes, bytes.length);
        raw.length = bytes.length;
        assert_int_equal(net_parse(&f->net, &raw, &packet), NET_TCP);
        packet.src = addr_of(cases[i].src[f->v6]);
        packet.flags |= cases[i].flags;
        f->tcp.verify_checksums = false; /* the source is another one now */
        tcp_input_burst(&f->tcp, packets, 1);
        frame_drop(&f->pool, raw.frame, FRAME_WORKER);
        turn(f);
        expect_silence(f);
        assert_int_equal(f->tcp.counters.dropped_bad_source, i + 1);
    }
    assert_int_equal(f->tcp.conns.used, 0);
}

static void a_burst_is_taken_in_order(void **state)
{
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        f->peer = &f->peers[i];
        establish(f);
    }
    for (uint32_t seq = 1; seq < 1 + 32 * 100; seq += 100) {
        for (unsigned i = 0; i < 2; i++) {
            f->peer = &f->peers[i];
            peer_queues(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = 100);
        }
    }
    turn(f);
    forget_sent(f);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(f->peers[i].told.data, 3200);
    }
    assert_int_equal(f->tcp.counters.out_of_order, 0);
}

/* What follows the end of a connection in one burst finds nobody. */
static void a_burst_goes_on_behind_an_end(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_queues(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    peer_queues(f, TCP_RST, .seq = 11);
    peer_queues(f, TCP_ACK, .seq = 11, .ack = 1, .bytes = 10);
    turn(f);
    expect(f, TCP_RST, .seq = 1);
    assert_int_equal(f->peer->told.data, 10);
    assert_int_equal(f->peer->told.reason, TCP_REASON_RESET);
}

/* A handshake and a request in one burst, as after a stall. */
static void a_burst_may_hold_a_whole_handshake(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_queues(f, TCP_ACK, .seq = 1, .ack = 1);
    peer_queues(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    peer_queues(f, TCP_ACK | TCP_FIN, .seq = 11, .ack = 1);
    turn(f);
    expect(f, TCP_ACK, .seq = 1, .ack = 12);
    expect_state(f, TCP_CLOSE_WAIT);
}

/* Shows: RFC 9293 3.5.2a, 3.10.7.1a. */
static void nobody_is_answered_with_a_rst(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->local_port = LOCAL_PORT + 1;
    peer_sends(f, TCP_SYN, .seq = 0);
    expect(f, TCP_RST | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_FIN, .seq = 7, .bytes = 10);
    expect(f, TCP_RST | TCP_ACK, .seq = 0, .ack = 18);
    peer_sends(f, TCP_ACK, .seq = 7, .ack = 70, .bytes = 10);
    expect(f, TCP_RST, .seq = 70);
    assert_int_equal(f->tcp.counters.no_connection, 3);
}

/* RFC 9293 section 3.10.7.4 fixes which check speaks first.
 * Shows: RFC 9293 3.10.7.4a. */
static void the_first_check_that_fails_answers(void **state)
{
    static const struct {
        const char *name;
        uint16_t flags;
        uint32_t seq;
        uint32_t ack;
        uint16_t answer;
        enum tcp_state then;
    } cases[] = {
        {"sequence before RST", TCP_RST | TCP_SYN, 0, 1, 0, TCP_ESTABLISHED},
        {"RST before SYN", TCP_RST | TCP_SYN, 1, 1, 0, TCP_CLOSED},
        {"RST before ACK", TCP_RST | TCP_ACK, 1, 5, 0, TCP_CLOSED},
        {"SYN before ACK", TCP_SYN, 5, 0, TCP_ACK, TCP_ESTABLISHED},
        {"ACK before FIN", TCP_FIN | TCP_ACK, 1, 5, TCP_ACK, TCP_ESTABLISHED},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        establish(f);
        peer_sends(f, cases[i].flags, .seq = cases[i].seq, .ack = cases[i].ack);
        if (cases[i].answer) {
            expect(f, cases[i].answer, .seq = 1, .ack = 1);
        }
        expect_silence(f);
        expect_state(f, cases[i].then);
    }
}

static bool owned;
static unsigned passed;

static bool pass(struct tcp *tcp, const struct tcp_tuple *tuple, const struct packet *packet)
{
    (void)tcp;
    assert_int_equal(tuple->remote_port, PEER_PORT);
    assert_int_equal(packet->l4_length, 20);
    passed++;
    return owned;
}

static void ignore(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
    (void)tcp;
    (void)tuple;
    (void)hash;
}

/* No RST before the others were asked whether they own the flow. */
static void what_another_worker_owns_is_not_answered(void **state)
{
    static const struct tcp_owners owners = {.claim = ignore, .release = ignore, .pass = pass};
    struct tcp_fixture *f = *state;

    passed = 0;
    f->config.owners = &owners;
    owned = true;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_silence(f);
    peer_sends(f, TCP_SYN, .seq = 0);
    expect_silence(f);
    owned = false;
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect(f, TCP_RST, .seq = 1);
    assert_int_equal(passed, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(broken_segments_are_counted),
        SCRIPT(what_no_host_sent_is_counted),
        SCRIPT(a_burst_is_taken_in_order),
        SCRIPT(a_burst_goes_on_behind_an_end),
        SCRIPT(a_burst_may_hold_a_whole_handshake),
        SCRIPT(nobody_is_answered_with_a_rst),
        SCRIPT(the_first_check_that_fails_answers),
        SCRIPT(what_another_worker_owns_is_not_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
