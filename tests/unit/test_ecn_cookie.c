/*
 * Goal:   ECN is agreed to through a SYN cookie, of which nothing is kept: the classic one by the
 *         timestamp that comes back, the accurate one by the ACE field of the peer's ACK (RFC
 *         9768 section 5.1); and nothing is where neither tells.
 * Method: scripts over one stack that answers each SYN with a cookie; then text of both sides,
 *         marked and not.
 */
#include "tests/unit/ecn_fixture.h"
#include "tests/unit/tcp_fixture_port.h"

#define CLASSIC (TCP_CWR | TCP_ECE)

static struct tcp_fixture *cookies(void **state, enum tcp_ecn_mode mode, bool timestamps)
{
    struct tcp_fixture *f = start_over(state);

    f->settings.cc = &tcp_cc_newreno;
    f->settings.ecn = (uint8_t)mode;
    f->settings.timestamps = true;
    f->peer->timestamps = timestamps;
    f->peer->mss = 1460;
    f->syn_cookies = TCP_COOKIES_ALWAYS;
    return f;
}

/* What goes with text of ours, and with the ACK of marked text of the peer's. */
static void expect_ect(struct tcp_fixture *f, enum ecn_field field)
{
    assert_int_equal(app_sends(f, 100), 100);
    assert_int_equal(
        expect(f, conn_of(f)->ecn.mode == TCP_ECN_ACCURATE ? TCP_ACK | ACE_START : TCP_ACK,
               .seq = 1, .ack = 1, .bytes = 100)
                ->tos &
            3,
        field);
}

/* Shows: RFC 3168 6.1.1b, 6.1a, 6.1.3a; RFC 4987 3.6b. */
static void a_timestamp_remembers_classic_ecn(void **state)
{
    for (unsigned mode = TCP_ECN_CLASSIC; mode <= TCP_ECN_ACCURATE; mode++) {
        struct tcp_fixture *f = cookies(state, (enum tcp_ecn_mode)mode, true);

        peer_sends_syn(f, CLASSIC, .seq = 0);
        expect(f, TCP_SYN | TCP_ACK | TCP_ECE, .seq = 0, .ack = 1);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        assert_int_equal(f->tcp.counters.syn_cookies_accepted, 1);
        assert_int_equal(conn_of(f)->ecn.mode, TCP_ECN_CLASSIC);
        expect_ect(f, ECN_ECT_0);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 101, .bytes = 100, .tos = ECN_CE);
        expect(f, TCP_ACK | TCP_ECE, .seq = 101, .ack = 101);
        app_sends(f, 100);
        expect(f, TCP_ACK | TCP_ECE, .seq = 101, .ack = 101, .bytes = 100);
        peer_sends(f, TCP_ACK | TCP_ECE, .seq = 101, .ack = 201);
        assert_int_equal(f->tcp.counters.ecn_reductions, 1);
    }
}

/* Shows: RFC 3168 6.1b; RFC 9768 5.1b. */
static void nothing_is_agreed_that_nothing_remembers(void **state)
{
    static const struct {
        const char *name;
        enum tcp_ecn_mode listener;
        bool timestamps;
        uint16_t asks, says;
    } rows[] = {
        {"classic without timestamps", TCP_ECN_CLASSIC, false, CLASSIC, 0},
        {"the same, an accurate listener", TCP_ECN_ACCURATE, false, CLASSIC, 0},
        {"nobody asks", TCP_ECN_ACCURATE, true, 0, 0},
        {"nobody agrees", TCP_ECN_OFF, true, CLASSIC, 0},
        {"nobody agrees to more", TCP_ECN_OFF, true, ACCURATE, ACE(2)},
        {"nobody agrees to more than classic", TCP_ECN_CLASSIC, false, CLASSIC, ACE(5)},
        {"a mark on the SYN-ACK told by classic ECN", TCP_ECN_ACCURATE, true, 0, ACE(1)},
    };

    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct tcp_fixture *f = cookies(state, rows[i].listener, rows[i].timestamps);

        print_message("  %s\n", rows[i].name);
        peer_sends_syn(f, rows[i].asks, .seq = 0);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
        peer_sends(f, TCP_ACK | rows[i].says, .seq = 1, .ack = 1);
        assert_int_equal(conn_of(f)->ecn.mode, TCP_ECN_OFF);
        expect_ect(f, ECN_NOT_ECT);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 101);
    }
}

/* Shows: RFC 9768 5.1a, 3.1.1b, 3.2.3.2.1b. */
static void the_last_ack_tells_of_accurate_ecn(void **state)
{
    static const uint16_t told[] = {ACE(2), ACE(3), ACE(4), ACE(6)}; /* by the SYN's IP field */

    for (unsigned i = 0; i < 8; i++) {
        struct tcp_fixture *f = cookies(state, TCP_ECN_ACCURATE, (i & 4) != 0);

        peer_sends_syn(f, ACCURATE, .seq = 0, .tos = i & 3);
        expect(f, TCP_SYN | TCP_ACK | told[i & 3], .seq = 0, .ack = 1, .accecn_kind = 172,
               .accecn_fields = 1, .accecn = {1});
        peer_sends(f, TCP_ACK | ACE(2), .seq = 1, .ack = 1);
        assert_int_equal(conn_of(f)->ecn.mode, TCP_ECN_ACCURATE);
        expect_ect(f, ECN_ECT_0);
        peer_sends(f, TCP_ACK | ACE_START, .seq = 1, .ack = 101, .bytes = 100, .tos = ECN_CE);
        expect(f, TCP_ACK | ACE(6), .seq = 101, .ack = 101);
        assert_int_equal(f->tcp.counters.ecn_reductions, 0);
    }
}

/* Each ACE of a pure ACK, and text, whose ACE counts and tells nothing of the handshake.
 * Shows: RFC 9768 5.1a, 5.1b, 3.2.2.1a, 3.2.2.2d, 3.2.2.3a. */
static void what_an_ace_tells(void **state)
{
    static const struct {
        const char *name;
        uint16_t flags;
        uint32_t bytes;
        enum tcp_ecn_mode mode;
        enum ecn_field field;
        bool halved; /* the first window */
    } rows[] = {
        {"0: no AccECN", ACE(0), 0, TCP_ECN_OFF, ECN_NOT_ECT, false},
        {"1: no AccECN", ACE(1), 0, TCP_ECN_OFF, ECN_NOT_ECT, false},
        {"2: as it went", ACE(2), 0, TCP_ECN_ACCURATE, ECN_ECT_0, false},
        {"3: mangled", ACE(3), 0, TCP_ECN_ACCURATE, ECN_NOT_ECT, false},
        {"4: mangled", ACE(4), 0, TCP_ECN_ACCURATE, ECN_NOT_ECT, false},
        {"5: a later one", ACE(5), 0, TCP_ECN_ACCURATE, ECN_ECT_0, false},
        {"6: marked", ACE(6), 0, TCP_ECN_ACCURATE, ECN_NOT_ECT, true},
        {"7: a later one", ACE(7), 0, TCP_ECN_ACCURATE, ECN_ECT_0, false},
        {"text", ACE(5), 50, TCP_ECN_OFF, ECN_NOT_ECT, false},
        {"FIN", ACE(5) | TCP_FIN, 0, TCP_ECN_OFF, ECN_NOT_ECT, false},
    };

    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct tcp_fixture *f = cookies(state, TCP_ECN_ACCURATE, true);

        print_message("  %s\n", rows[i].name);
        peer_sends_syn(f, ACCURATE, .seq = 0);
        expect(f, TCP_SYN | TCP_ACK | ACE(2), .seq = 0, .ack = 1);
        peer_sends(f, TCP_ACK | rows[i].flags, .seq = 1, .ack = 1, .bytes = rows[i].bytes);
        forget_sent(f);
        assert_int_equal(conn_of(f)->ecn.mode, rows[i].mode);
        assert_int_equal(conn_of(f)->cwnd < 8 * conn_of(f)->snd.mss, rows[i].halved);
        assert_int_equal(ecn_text_field(conn_of(f)), rows[i].field);
    }
}

static void sends_at_once(struct tcp_fixture *f, struct tcp_conn *conn)
{
    uint8_t text[100];

    for (uint32_t i = 0; i < sizeof text; i++) {
        text[i] = fixture_byte(true, 1 + i);
    }
    assert_int_equal(tcp_send(conn, text, sizeof text), sizeof text);
    f->peer->told.queued += (uint32_t)sizeof text;
}

/* What the ACK of the handshake says is no count, and the next one is: also where text is queued
 * by then.
 * Shows: RFC 9768 3.2.2.1a. */
static void counting_begins_behind_the_handshake(void **state)
{
    for (unsigned early = 0; early < 2; early++) {
        struct tcp_fixture *f = cookies(state, TCP_ECN_ACCURATE, true);

        f->app.open = early ? sends_at_once : NULL;
        peer_sends_syn(f, ACCURATE, .seq = 0);
        expect(f, TCP_SYN | TCP_ACK | ACE(2), .seq = 0, .ack = 1);
        peer_sends(f, TCP_ACK | ACE(2), .seq = 1, .ack = 1);
        assert_int_equal(f->tcp.counters.ecn_reductions, 0);
        if (!early) {
            app_sends(f, 100);
        }
        forget_sent(f);
        peer_sends(f, TCP_ACK | ACE(6), .seq = 1, .ack = 101);
        assert_int_equal(f->tcp.counters.ecn_reductions, 1);
        forget_sent(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_timestamp_remembers_classic_ecn),
        SCRIPT(nothing_is_agreed_that_nothing_remembers),
        SCRIPT(the_last_ack_tells_of_accurate_ecn),
        SCRIPT(what_an_ace_tells),
        SCRIPT(counting_begins_behind_the_handshake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
