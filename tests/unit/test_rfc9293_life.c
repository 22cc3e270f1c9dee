/*
 * Goal:   what RFC 9293 says of a connection's life beside the steps of segment arrival:
 *         listening beside what is there, a RST with text, ICMP errors of a connection
 *         that is open, and R1.
 * Method: scripts over one stack.
 */
#include "tests/unit/tcp_fixture.h"

static_assert(TCP_R1_RETRANSMISSIONS >= 3, "SHLD-10");

/* As before it was taken away. */
static void listen_again(struct tcp_fixture *f)
{
    struct tcp_listener again = f->tcp.listeners[f->listener];
    uint32_t index;

    assert_int_equal(tcp_listen(&f->tcp, &again, &index), TCP_OK);
}

/* Connections of that very port, from either side, in each state of their opening.
 * Shows: RFC 9293 MUST-41, MUST-42. */
static void listening_disturbs_nobody(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer = &f->peers[1];
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    f->peer = &f->peers[2];
    establish(f);
    tcp_unlisten(&f->tcp, f->listener);
    f->peer = &f->peers[0];
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);

    listen_again(f);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
    f->peer = &f->peers[1];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
    f->peer = &f->peers[2];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    f->peer = &f->peers[3];
    establish(f);
}

/* The SYN of a peer that has forgotten the first one, inside the window and outside: our
 * challenge makes it reset what it does not know, and its next SYN finds nothing in the way.
 * Shows: RFC 9293 3.5.1a, 3.10.7.4c. */
static void another_syn_in_syn_received_is_challenged(void **state)
{
    static const uint32_t seqs[] = {500, 1u << 30};
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(seqs); i++) {
        f->peer = &f->peers[i];
        peer_sends_syn(f, 0, .seq = 0);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
        peer_sends_syn(f, 0, .seq = seqs[i]);
        expect(f, TCP_ACK, .seq = 1, .ack = 1);
        expect_state(f, TCP_SYN_RECEIVED);
        peer_sends(f, TCP_RST, .seq = 1);
        expect_state(f, TCP_CLOSED);
        peer_sends_syn(f, 0, .seq = seqs[i]);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = seqs[i] + 1);
    }
}

/* Its text is a message to people, and goes nowhere.
 * Shows: RFC 9293 SHLD-2, MUST-12. */
static void a_rst_may_bring_text(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    peer_sends(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 1, .bytes = 20);
    expect_silence(f);
    assert_int_equal(f->peer->told.data, 0);
    assert_int_equal(f->peer->told.close, 1);
    assert_int_equal(f->peer->told.reason, TCP_REASON_RESET);
}

/* Whoever can guess a port could end it otherwise.
 * Shows: RFC 9293 MUST-56; RFC 5927 5.2a. */
static void no_icmp_error_ends_what_is_open(void **state)
{
    static const struct {
        const char *name;
        enum net_icmp_class class;
    } cases[] = {
        {"net", NET_ICMP_NET_UNREACH},          {"host", NET_ICMP_HOST_UNREACH},
        {"protocol", NET_ICMP_PROTO_UNREACH},   {"port", NET_ICMP_PORT_UNREACH},
        {"prohibited", NET_ICMP_PROHIBITED},    {"time", NET_ICMP_TIME_EXCEEDED},
        {"parameters", NET_ICMP_PARAM_PROBLEM},
    };
    struct tcp_fixture *f = *state;
    uint32_t seq = 1;

    establish(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        app_sends(f, 10);
        expect(f, TCP_ACK, .seq = seq, .ack = 1, .bytes = 10);
        icmp_says(f, cases[i].class, seq, 0);
        expect_state(f, TCP_ESTABLISHED);
        seq += 10;
        peer_sends(f, TCP_ACK, .seq = 1, .ack = seq);
    }
    assert_int_equal(f->peer->told.sent, seq - 1);
}

/* Nor has it anything to call.
 * Shows: RFC 9293 SHLD-20. */
static void who_does_not_care_is_not_told_of_trouble(void **state)
{
    static struct tcp_events events; /* also for the tear-down */
    struct tcp_fixture *f = *state;

    establish(f);
    events = *f->tcp.events;
    events.trouble = NULL;
    f->tcp.events = &events;
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    icmp_says(f, NET_ICMP_HOST_UNREACH, 1, 0);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->peer->told.trouble, 0);
}

/* The neighbour is asked again: the way to the peer may have changed. By ARP, so of IPv4.
 * Shows: RFC 9293 MUST-20, SHLD-10. */
static void r1_asks_the_neighbour_again(void **state)
{
    struct tcp_fixture *f = *state;
    uint64_t rto_ns;

    f->settings.sack = false;
    establish(f);
    /* The fixture's never grows old. */
    neighbour_at(&f->net.neighbours, conn_of(f)->path.neighbour)->state = NEIGHBOUR_REACHABLE;
    rto_ns = conn_of(f)->rtt.rto_ns;
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    for (unsigned i = 0; i < TCP_R1_RETRANSMISSIONS; i++) {
        assert_int_equal(f->arp_requests, 0);
        expect_after(f, rto_ns << i, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    }
    wait_ns(f, MS(1));
    assert_int_equal(f->arp_requests, 1);
    expect_state(f, TCP_ESTABLISHED);
}

/* The end of the stream is told at once, and by itself.
 * Shows: RFC 2525 2.15. */
static void a_fin_goes_at_once(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    app_sends(f, 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    assert_int_equal(app_shuts_down(f), TCP_OK); /* although nothing is acknowledged */
    expect(f, TCP_FIN | TCP_ACK, .seq = 11, .ack = 1);
}

/* The last of all that is sent, and nothing behind it that could tell.
 * Shows: RFC 6298 5.4a. */
static void a_fin_that_is_lost_goes_again(void **state)
{
    static const struct {
        const char *name;
        bool eof; /* the peer's FIN came before */
        enum tcp_state state, then;
    } cases[] = {
        {"FIN-WAIT-1", false, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2},
        {"LAST-ACK", true, TCP_LAST_ACK, TCP_CLOSED},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t ack = cases[i].eof ? 2 : 1;

        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i];
        establish(f);
        if (cases[i].eof) {
            peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
            expect(f, TCP_ACK, .seq = 1, .ack = 2);
        }
        assert_int_equal(app_shuts_down(f), TCP_OK);
        expect(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = ack);
        expect_after(f, conn_of(f)->rtt.rto_ns, TCP_FIN | TCP_ACK, .seq = 1, .ack = ack);
        expect_state(f, cases[i].state);
        peer_sends(f, TCP_ACK, .seq = ack, .ack = 2);
        expect_state(f, cases[i].then);
    }
}

/* In each state in which our FIN waits for its ACK.
 * Shows: RFC 9293 MUST-20. */
static void a_fin_that_nobody_answers_ends(void **state)
{
    static const enum tcp_state states[] = {TCP_FIN_WAIT_1, TCP_CLOSING, TCP_LAST_ACK};
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(states); i++) {
        print_message("  %s\n", tcp_state_name(states[i]));
        f->peer = &f->peers[i];
        establish(f);
        if (states[i] == TCP_LAST_ACK) {
            peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
        }
        assert_int_equal(app_shuts_down(f), TCP_OK);
        if (states[i] == TCP_CLOSING) {
            peer_sends(f, TCP_FIN | TCP_ACK, .seq = 1, .ack = 1);
        }
        expect_state(f, states[i]);
        forget_sent(f);
        for (unsigned n = 0; n < 2 * TCP_R2_RETRANSMISSIONS && f->peer->told.close == 0; n++) {
            wait_ns(f, TCP_RTO_MAX_NS);
            forget_sent(f);
        }
        assert_int_equal(f->peer->told.close, 1);
        assert_int_equal(f->peer->told.reason, TCP_REASON_TIMEOUT);
    }
}

/* A peer that has text beyond its FIN breaks the rules; none of it is kept, or told of. */
static void nothing_lies_beyond_a_fin(void **state)
{
    struct tcp_fixture *f = *state;

    f->peer->sack = true;
    establish(f);
    peer_sends(f, TCP_ACK, .seq = 2, .ack = 1, .bytes = 100);
    expect(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {{2, 102}});
    peer_sends(f, TCP_ACK | TCP_FIN, .seq = 1, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 2);
    assert_int_equal(f->peer->told.eof, 1);
    assert_int_equal(conn_of(f)->reassembly.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(listening_disturbs_nobody),
        SCRIPT(another_syn_in_syn_received_is_challenged),
        SCRIPT(a_rst_may_bring_text),
        SCRIPT(no_icmp_error_ends_what_is_open),
        SCRIPT_V4(r1_asks_the_neighbour_again),
        SCRIPT(who_does_not_care_is_not_told_of_trouble),
        SCRIPT(a_fin_goes_at_once),
        SCRIPT(a_fin_that_is_lost_goes_again),
        SCRIPT(a_fin_that_nobody_answers_ends),
        SCRIPT(nothing_lies_beyond_a_fin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
