/*
 * Goal:   of SACK blocks only what can be true is taken: whole segments, sent, and not
 *         acknowledged yet (RFC 2018, RFC 2883).
 * Method: a table of blocks about four segments in flight.
 */
#include "tests/unit/tcp_fixture.h"

/* Only whole segments count, nothing beyond SND.NXT, and a D-SACK is none.
 * Shows: RFC 2018 5a. */
static void sack_blocks_are_not_trusted(void **state)
{
    static const struct {
        const char *name;
        struct tcp_sack_block sack[2];
        uint32_t sacked;
    } cases[] = {
        {"one segment", {{1001, 2001}}, 1000},
        {"two blocks", {{1001, 2001}, {3001, 4001}}, 2000},
        {"parts of segments", {{1500, 2500}}, 0},
        {"parts at both ends", {{1500, 3500}}, 1000},
        {"all but the first", {{1001, 4001}}, 3000},
        {"beyond what was sent", {{1001, 4002}}, 0},
        {"the wrong way round", {{2001, 1001}}, 0},
        {"what is acknowledged: a D-SACK", {{0xfffffc00, 1}}, 0},
        {"a D-SACK in the second block", {{1001, 2001}, {1001, 3001}}, 2000},
    };
    struct tcp_fixture *f = *state;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i % PEERS];
        f->peer->port = (uint16_t)(PEER_PORT + i);
        f->peer->told = (struct told){0};
        establish(f);
        app_sends(f, 4000);
        forget_sent(f);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1, .sack = {cases[i].sack[0], cases[i].sack[1]});
        assert_int_equal(conn_of(f)->flight->sendq.sacked_bytes, cases[i].sacked);
        forget_sent(f);
        app_aborts(f);
        forget_sent(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(sack_blocks_are_not_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
