/*
 * Goal:   a connection takes the steps of RFC 9293 figure 5 and no others.
 * Method: every pair of states: the legal ones, written down from the figure and
 *         section 3.10, are taken; each of the rest is an assertion.
 */
#include "tcp/state.h"

#include "datapath/util.h"
#include "tcp/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/aborts.h"

static const struct {
    enum tcp_state from;
    enum tcp_state to;
    const char *why;
} steps[] = {
    {TCP_CLOSED, TCP_SYN_SENT, "active open"},
    {TCP_CLOSED, TCP_SYN_RECEIVED, "a listener's new connection"},
    {TCP_LISTEN, TCP_SYN_SENT, "send on a listening connection"},
    {TCP_LISTEN, TCP_SYN_RECEIVED, "rcv SYN"},
    {TCP_SYN_SENT, TCP_SYN_RECEIVED, "rcv SYN: simultaneous open"},
    {TCP_SYN_SENT, TCP_ESTABLISHED, "rcv SYN,ACK"},
    {TCP_SYN_RECEIVED, TCP_ESTABLISHED, "rcv ACK of SYN"},
    {TCP_SYN_RECEIVED, TCP_FIN_WAIT_1, "CLOSE"},
    {TCP_ESTABLISHED, TCP_FIN_WAIT_1, "CLOSE"},
    {TCP_ESTABLISHED, TCP_CLOSE_WAIT, "rcv FIN"},
    {TCP_FIN_WAIT_1, TCP_FIN_WAIT_2, "rcv ACK of FIN"},
    {TCP_FIN_WAIT_1, TCP_CLOSING, "rcv FIN"},
    {TCP_FIN_WAIT_1, TCP_TIME_WAIT, "rcv FIN with the ACK of ours"},
    {TCP_FIN_WAIT_2, TCP_TIME_WAIT, "rcv FIN"},
    {TCP_CLOSE_WAIT, TCP_LAST_ACK, "CLOSE"},
    {TCP_CLOSING, TCP_TIME_WAIT, "rcv ACK of FIN"},
};

static bool is_a_step(enum tcp_state from, enum tcp_state to)
{
    if (to == TCP_CLOSED) {
        return true; /* reset, abort, give-up, or the end */
    }
    for (unsigned i = 0; i < COUNT_OF(steps); i++) {
        if (steps[i].from == from && steps[i].to == to) {
            return true;
        }
    }
    return false;
}

struct step {
    struct tcp_conn conn;
    enum tcp_state to;
};

static void take(void *ctx)
{
    struct step *step = ctx;

    tcp_state_set(&step->conn, step->to);
}

/* Shows: RFC 9293 3.3.2a. */
static void every_pair_of_states(void **state)
{
    (void)state;
    for (enum tcp_state from = 0; from < TCP_STATE_COUNT; from++) {
        for (enum tcp_state to = 0; to < TCP_STATE_COUNT; to++) {
            struct step step = {.conn = {.state = (uint8_t)from}, .to = to};
            bool legal = is_a_step(from, to);

            if (tcp_state_is_legal(from, to) != legal || aborts(take, &step) == legal) {
                fail_msg("%s to %s", tcp_state_name(from), tcp_state_name(to));
            }
            if (legal) {
                take(&step);
                assert_int_equal(step.conn.state, to);
            }
        }
    }
}

static void what_a_state_may(void **state)
{
    static const struct {
        const char *name;
        bool synchronized;
        bool may_send;
        bool may_receive;
    } cases[TCP_STATE_COUNT] = {
        [TCP_CLOSED] = {"CLOSED", false, false, false},
        [TCP_LISTEN] = {"LISTEN", false, false, false},
        [TCP_SYN_SENT] = {"SYN-SENT", false, true, false},
        [TCP_SYN_RECEIVED] = {"SYN-RECEIVED", false, true, true}, /* text of a SYN */
        [TCP_ESTABLISHED] = {"ESTABLISHED", true, true, true},
        [TCP_FIN_WAIT_1] = {"FIN-WAIT-1", true, false, true},
        [TCP_FIN_WAIT_2] = {"FIN-WAIT-2", true, false, true},
        [TCP_CLOSE_WAIT] = {"CLOSE-WAIT", true, true, false},
        [TCP_CLOSING] = {"CLOSING", true, false, false},
        [TCP_LAST_ACK] = {"LAST-ACK", true, false, false},
        [TCP_TIME_WAIT] = {"TIME-WAIT", true, false, false},
    };

    (void)state;
    for (enum tcp_state each = 0; each < TCP_STATE_COUNT; each++) {
        assert_string_equal(tcp_state_name(each), cases[each].name);
        assert_int_equal(tcp_state_is_synchronized(each), cases[each].synchronized);
        assert_int_equal(tcp_state_may_send(each), cases[each].may_send);
        assert_int_equal(tcp_state_may_receive(each), cases[each].may_receive);
    }
    assert_string_equal(tcp_state_name(TCP_STATE_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_states),
        cmocka_unit_test(what_a_state_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
