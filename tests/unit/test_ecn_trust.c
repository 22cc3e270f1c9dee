/*
 * Goal:   what the peer's two counts, of packets (ACE) and of bytes (the option), say of the
 *         same marks is compared, and where they can't both be true no packet goes as
 *         ECN-capable any more (RFC 9768 section 3.2.3.2.5); a lost or late ACK is no proof.
 * Method: scripts of ACKs over one stack, with a round trip of 100 ms and ten segments out.
 */
#include "tests/unit/ecn_fixture.h"

#define ACKS_MAX 3u

/* An ACK of the peer. */
struct told_by_ack {
    uint32_t segments; /* that it has in order; 0: the script is over */
    uint8_t ace;
    bool option;
    uint32_t ceb;
    uint32_t held; /* a segment beyond a hole, by its number; 0: none */
};

static void tell(struct tcp_fixture *f, const struct told_by_ack *told)
{
    struct seg seg = SEG(TCP_ACK | ACE(told->ace), .seq = 1, .ack = 1 + told->segments * MSS);

    if (told->option) {
        seg.accecn_kind = 172;
        seg.accecn_fields = 2;
        seg.accecn[0] = 1;
        seg.accecn[1] = told->ceb;
    }
    if (told->held > 0) {
        seg.sack[0].start = 1 + told->held * MSS;
        seg.sack[0].end = seg.sack[0].start + MSS;
    }
    peer_queue(f, &seg);
    turn(f);
    forget_sent(f);
}

/* Shows: RFC 9768 3.2.3.2.5a, 3.2.3.2.5b, 3.2.2.2c. */
static void counts_that_contradict_each_other(void **state)
{
    static const struct {
        const char *name;
        struct told_by_ack acks[ACKS_MAX];
        bool no_sack;
        bool ect;
    } cases[] = {
        {"bytes and packets", {{2, 6, true, MSS, 0}}, false, true},
        {"packets alone: one without text", {{2, 6, true, 0, 0}}, false, true},
        {"packets, the option is gone", {{2, 5, false, 0, 0}, {4, 6, false, 0, 0}}, false, true},
        {"bytes alone", {{2, 5, true, MSS, 0}}, false, false},
        {"bytes alone, later", {{2, 6, true, MSS, 0}, {4, 6, true, 2 * MSS, 0}}, false, false},
        {"packets were told before, apart",
         {{2, 6, false, 0, 0}, {4, 6, true, MSS, 0}},
         false,
         true},
        {"seven segments: not round", {{7, 5, true, 7 * MSS, 0}}, false, false},
        {"eight may have gone round", {{8, 5, true, 8 * MSS, 0}}, false, true},
        {"eight since the last option",
         {{4, 5, false, 0, 0}, {8, 5, true, 8 * MSS, 0}},
         false,
         true},
        {"seven since the last option", {{2, 5, true, 0, 0}, {9, 5, true, MSS, 0}}, false, false},
        {"some lie beyond a hole", {{2, 5, true, MSS, 4}}, false, true},
        {"there was a hole before", {{2, 5, true, 0, 4}, {5, 5, true, MSS, 0}}, false, false},
        {"who knows what lies there without SACK", {{2, 5, true, MSS, 0}}, true, true},
        {"a late ACK", {{4, 6, true, MSS, 0}, {2, 6, true, 2 * MSS, 0}}, false, true},
        {"a late option", {{4, 7, true, 2 * MSS, 0}, {4, 6, true, MSS, 0}}, false, true},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer->sack = !cases[i].no_sack;
        (void)accurate_with(state, ACE(2));
        send_segments(f, 60);
        forget_sent(f);
        wait_ns(f, RTT);
        for (unsigned n = 0; n < ACKS_MAX && cases[i].acks[n].segments > 0; n++) {
            tell(f, &cases[i].acks[n]);
        }
        assert_int_equal(ecn_text_field(conn_of(f)), cases[i].ect ? ECN_ECT_0 : ECN_NOT_ECT);
        app_aborts(f);
        forget_sent(f);
        f = start_over(state);
    }
}

/* Eight segments are few bytes, and their number is what the count goes round by.
 * Shows: RFC 9768 3.2.3.2.5a. */
static void small_segments_go_round_too(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.nodelay = true;
    (void)accurate(state);
    for (uint32_t i = 0; i < 8; i++) {
        app_sends(f, 10);
    }
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE_START, .seq = 1, .ack = 81, .accecn_kind = 172, .accecn_fields = 2,
               .accecn = {1, 80});
    assert_int_equal(ecn_text_field(conn_of(f)), ECN_ECT_0);
    assert_int_equal(f->tcp.counters.ecn_reductions, 1); /* they were marked all the same */
    forget_sent(f);
}

/* What is told still reduces, and what is received is still told.
 * Shows: RFC 9768 3.2.3.2.5a, 3.2.2.4b, 3.1.5e. */
static void who_gives_up_goes_on_listening_and_telling(void **state)
{
    struct tcp_fixture *f = accurate(state);

    send_segments(f, 13);
    forget_sent(f);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1 + 2 * MSS, .accecn_kind = 172,
               .accecn_fields = 2, .accecn = {1, MSS});
    assert_int_equal(f->tcp.counters.ecn_reductions, 1);
    forget_sent(f);
    peer_sends(f, TCP_ACK | ACE(5), .seq = 1, .ack = 1 + 9 * MSS);
    assert_int_equal(expect(f, TCP_ACK | ACE(5), .seq = 1 + 11 * MSS, .ack = 1, .bytes = MSS)->tos,
                     ECN_NOT_ECT);
    expect(f, TCP_ACK | ACE(5), .seq = 1 + 12 * MSS, .ack = 1, .bytes = MSS);
    wait_ns(f, RTT);
    peer_sends(f, TCP_ACK | ACE(6), .seq = 1, .ack = 1 + 13 * MSS, .bytes = 100, .tos = ECN_CE);
    assert_int_equal(f->tcp.counters.ecn_reductions, 2);
    expect(f, TCP_ACK | ACE(6), .seq = 1 + 13 * MSS, .ack = 101, .accecn_kind = 172,
           .accecn_fields = 2, .accecn = {1, 100});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(counts_that_contradict_each_other),
        SCRIPT(small_segments_go_round_too),
        SCRIPT(who_gives_up_goes_on_listening_and_telling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
