/*
 * Goal:   who may come in: limits of a listener and of the worker on what is half-open and on
 *         what is open, a pause, and counts that are right however a connection ends, also
 *         when another listener has taken the place of its own.
 * Method: scripts over one stack; peers try one after the other.
 */
#include "tcp/admission.h"

#include "tests/unit/tcp_fixture.h"

static struct tcp_listener *listener_of(struct tcp_fixture *f)
{
    return &f->tcp.listeners[f->listener];
}

static void try_in_vain(struct tcp_fixture *f)
{
    peer_sends_syn(f, 0, .seq = 0);
    expect_silence(f);
    expect_state(f, TCP_CLOSED);
}

static void the_verdict_is_a_table(void **state)
{
    static const struct {
        const char *name;
        uint32_t half_open, half_open_of_all, connections;
        enum tcp_cookies cookies;
        bool paused;
        enum tcp_admission verdict;
    } cases[] = {
        {"room", 3, 7, 9, TCP_COOKIES_WHEN_FULL, false, TCP_ADMIT},
        {"the listener's half-open", 4, 7, 9, TCP_COOKIES_NEVER, false, TCP_ADMIT_NONE},
        {"the same with cookies", 4, 7, 9, TCP_COOKIES_WHEN_FULL, false, TCP_ADMIT_WITH_COOKIE},
        {"the worker's half-open", 3, 8, 9, TCP_COOKIES_NEVER, false, TCP_ADMIT_NONE},
        {"the same with cookies", 3, 8, 9, TCP_COOKIES_WHEN_FULL, false, TCP_ADMIT_WITH_COOKIE},
        {"always cookies", 0, 0, 0, TCP_COOKIES_ALWAYS, false, TCP_ADMIT_WITH_COOKIE},
        {"all connections", 0, 0, 10, TCP_COOKIES_ALWAYS, false, TCP_ADMIT_NONE},
        {"paused", 0, 0, 0, TCP_COOKIES_ALWAYS, true, TCP_ADMIT_NONE},
    };
    static struct tcp tcp;
    uint64_t dropped;

    (void)state;
    tcp.half_open_max = 8;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_listener listener = {.half_open = cases[i].half_open,
                                        .half_open_max = 4,
                                        .connections = cases[i].connections,
                                        .connections_max = 10,
                                        .syn_cookies = (uint8_t)cases[i].cookies,
                                        .paused = cases[i].paused};

        print_message("  %s\n", cases[i].name);
        tcp.counters = (struct tcp_counters){0};
        tcp.half_open = cases[i].half_open_of_all;
        assert_int_equal(tcp_admission_ask(&tcp, &listener), cases[i].verdict);
        dropped = tcp.counters.dropped_half_open + tcp.counters.dropped_listener_full +
                  tcp.counters.dropped_paused;
        assert_int_equal(dropped, cases[i].verdict == TCP_ADMIT_NONE);
    }
}

static void a_listener_has_so_many_connections(void **state)
{
    struct tcp_fixture *f = *state;

    fixture_open(f);
    listener_of(f)->connections_max = 2;
    establish(f);
    f->peer = &f->peers[1];
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    f->peer = &f->peers[2];
    try_in_vain(f);
    f->peer = &f->peers[1];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1); /* what was let in stays */
    expect_state(f, TCP_ESTABLISHED);
    f->peer = &f->peers[2];
    try_in_vain(f);
    assert_int_equal(f->tcp.counters.dropped_listener_full, 2);
    f->peer = &f->peers[0];
    peer_sends(f, TCP_RST, .seq = 1);
    f->peer = &f->peers[2];
    establish(f);
}

/* Cookies were sent while there was room; of those who answer only so many come in. */
static void cookies_come_back_to_a_full_listener(void **state)
{
    struct tcp_fixture *f = *state;

    f->syn_cookies = TCP_COOKIES_ALWAYS;
    fixture_open(f);
    listener_of(f)->connections_max = 1;
    for (unsigned i = 0; i < 2; i++) {
        f->peer = &f->peers[i];
        peer_sends_syn(f, 0, .seq = 0);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    }
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
    f->peer = &f->peers[0];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_silence(f);
    expect_state(f, TCP_CLOSED);
    f->peer = &f->peers[1];
    peer_sends(f, TCP_RST, .seq = 1);
    f->peer = &f->peers[0];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10); /* its text, then */
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    assert_int_equal(f->peer->told.data, 10);
}

static void a_paused_listener_finishes_what_has_begun(void **state)
{
    struct tcp_fixture *f = *state;

    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    tcp_listen_pause(&f->tcp, f->listener, true);
    f->peer = &f->peers[1];
    try_in_vain(f);
    assert_int_equal(f->tcp.counters.dropped_paused, 1);
    f->peer = &f->peers[0];
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    expect_state(f, TCP_ESTABLISHED);
    assert_int_equal(f->peer->told.open, 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = 10);
    expect(f, TCP_ACK, .seq = 1, .ack = 11);
    tcp_listen_pause(&f->tcp, f->listener, false);
    f->peer = &f->peers[1];
    establish(f);
}

/* Both ends, in both states, leave nothing behind; half-open ones that time out, too. */
static void counts_go_down_again(void **state)
{
    struct tcp_fixture *f = *state;

    establish(f);
    assert_int_equal(listener_of(f)->connections, 1);
    assert_int_equal(listener_of(f)->half_open, 0);
    app_aborts(f);
    expect(f, TCP_RST | TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(listener_of(f)->connections, 0);
    f->peer = &f->peers[1];
    peer_sends_syn(f, 0, .seq = 0);
    assert_int_equal(listener_of(f)->connections, 1);
    assert_int_equal(f->tcp.half_open, 1);
    for (unsigned i = 0; i < 100; i++) {
        forget_sent(f);
        f->now_ns += SECONDS(1);
        turn(f);
    }
    forget_sent(f);
    assert_int_equal(listener_of(f)->connections, 0);
    assert_int_equal(f->tcp.half_open, 0);
    assert_int_equal(f->tcp.conns.used, 0);
}

/* The connections of a listener that is gone are not the next one's. */
static void another_listener_in_the_same_place(void **state)
{
    struct tcp_fixture *f = *state;
    struct tcp_listener listener = {.port = LOCAL_PORT,
                                    .half_open_max = 1,
                                    .connections_max = 1,
                                    .settings = tcp_settings_default};
    uint32_t index;

    establish(f);
    tcp_unlisten(&f->tcp, f->listener);
    assert_int_equal(tcp_listen(&f->tcp, &listener, &index), TCP_OK);
    assert_int_equal(index, f->listener);
    assert_int_equal(listener_of(f)->connections, 0);
    f->peer = &f->peers[1];
    establish(f);
    f->peer = &f->peers[0];
    peer_sends(f, TCP_RST, .seq = 1);
    assert_int_equal(listener_of(f)->connections, 1);
    f->peer = &f->peers[2];
    try_in_vain(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_is_a_table),
        SCRIPT(a_listener_has_so_many_connections),
        SCRIPT(cookies_come_back_to_a_full_listener),
        SCRIPT(a_paused_listener_finishes_what_has_begun),
        SCRIPT(counts_go_down_again),
        SCRIPT(another_listener_in_the_same_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
