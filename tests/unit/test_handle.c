/*
 * Goal:   a connection that an application opens has what was asked for, or the preset and the
 *         stack's congestion control; and nothing is opened that nobody would end: once a stack
 *         is stopping, its applications are told of the end of every connection, and none begins.
 * Method: a worker without its thread: one option changed at a time, then what the connection
 *         tells of itself and its SYN; and one whose stack was told to stop.
 */
#include "api/convert.h"
#include "tests/unit/one_change.h"
#include "tests/unit/worker_fixture.h"

#include <headrace/headrace.h>
#include <headrace/info.h>

#define FRAMES 4096u
#define LONG_TEXT 32768u

static uint8_t syn[128]; /* the last packet, from its IP header on */
static uint8_t text[LONG_TEXT];

static unsigned receive_nothing(struct port *port, struct port_packet *burst, unsigned max)
{
    (void)port;
    (void)burst;
    (void)max;
    return 0;
}

static void send_all(struct port *port)
{
    for (uint32_t i = 0; i < port->tx_count; i++) {
        const uint8_t *packet = frame_data(port->pool, port->tx[i].frame) + port->tx[i].offset;

        memcpy(syn, packet + 14, min_u32(port->tx[i].length - 14u, sizeof syn));
    }
    send_away(port);
}

static const struct port_ops port_ops = {
    .receive = receive_nothing, .submit = send_all, .flush = send_all, .reap = send_all};

/* Kind, from the SYN's options; NULL: it is not among them. */
static const uint8_t *option_of(uint8_t kind)
{
    const uint8_t *tcp = syn + 20;
    const uint8_t *end = tcp + 4u * (tcp[12] >> 4);

    for (const uint8_t *at = tcp + 20; at < end && *at != 0; at += *at == 1 ? 1 : at[1]) {
        if (*at == kind) {
            return at;
        }
    }
    return NULL;
}

static void assert_tuned(const struct hr_conn *conn, const struct hr_tuning *wanted)
{
    struct hr_tuning tuning;

    hr_conn_tuning(conn, &tuning);
    assert_int_equal(tuning.user_timeout_ms, wanted->user_timeout_ms);
    assert_int_equal(tuning.dscp, wanted->dscp);
    assert_int_equal(tuning.ttl, wanted->ttl);
}

static void assert_given(struct hr_conn *conn, const struct hr_connect_options *options)
{
    const char *cc = options->congestion_control;
    struct hr_conn_info info;
    struct hr_addr local;

    (void)hr_conn_get_info(conn, &info, sizeof info);
    hr_conn_local(conn, &local);
    assert_ptr_equal(hr_conn_context(conn), options->context);
    assert_int_equal(info.receive_buffer, options->receive_buffer);
    assert_string_equal(info.congestion_control, cc ? cc : "newreno");
    assert_int_equal(info.advertised_mss, options->mss_max ? options->mss_max : 1460);
    assert_int_equal(tcp_conn_has(conn_inner(conn), TCP_CONN_NODELAY), options->nodelay);
    if (options->local.port != 0) {
        assert_int_equal(local.port, options->local.port);
    }
    assert_tuned(conn, &options->tuning);
    /* The SYN has a place in it, too. */
    assert_int_equal(hr_send(conn, text, sizeof text),
                     min_u32(options->send_buffer - 1, sizeof text));
}

static void assert_syn(const struct hr_connect_options *options)
{
    assert_int_equal(syn[1], options->tuning.dscp << 2);
    assert_int_equal(syn[8], options->tuning.ttl);
    assert_int_equal(get16(syn + 32) & 0x1ff,
                     TCP_SYN | (options->ecn == HR_ECN_CLASSIC ? TCP_ECE | TCP_CWR : 0));
    assert_int_equal(get16(option_of(2) + 2), options->mss_max ? options->mss_max : 1460);
    assert_int_equal(option_of(4) != NULL, options->sack);
    assert_int_equal(option_of(8) != NULL, options->timestamps);
    assert_int_equal(option_of(3) != NULL, options->window_scale);
    assert_int_equal(option_of(34) != NULL, options->fast_open);
}

static void it_has_what_was_asked_for(void **state)
{
    static int context;
    static const char cubic[] = "cubic";
    static const struct hr_conn_ops conn_ops;
    const struct change changes[] = {
        CHANGE(struct hr_connect_options, context, (uintptr_t)&context),
        CHANGE(struct hr_connect_options, local.port, 40000),
        CHANGE(struct hr_connect_options, receive_buffer, 16384),
        CHANGE(struct hr_connect_options, send_buffer, 16384),
        CHANGE(struct hr_connect_options, nodelay, true),
        CHANGE(struct hr_connect_options, congestion_control, (uintptr_t)cubic),
        CHANGE(struct hr_connect_options, ecn, HR_ECN_CLASSIC),
        CHANGE(struct hr_connect_options, sack, false),
        CHANGE(struct hr_connect_options, timestamps, false),
        CHANGE(struct hr_connect_options, window_scale, false),
        CHANGE(struct hr_connect_options, mss_max, 536),
        CHANGE(struct hr_connect_options, tuning.user_timeout_ms, 5000),
        CHANGE(struct hr_connect_options, tuning.dscp, 5),
        CHANGE(struct hr_connect_options, tuning.ttl, 5),
        CHANGE(struct hr_connect_options, fast_open, true),
    };
    const struct ip_addr neighbour = addr_of("10.0.0.2");
    struct hr_addr peer;

    (void)state;
    open_place(&port_ops, FRAMES);
    assert_int_equal(net_neighbour_set(&place.worker.net, &neighbour, &peer_mac), 0);
    assert_int_equal(hr_addr_parse("10.0.0.2", 7, &peer), HR_OK);
    for (unsigned i = 0; i <= COUNT_OF(changes); i++) {
        struct hr_connect_options options = hr_connect_options_default;
        struct hr_conn *conn;

        options.conn = &conn;
        if (i > 0) { /* first the preset */
            print_message("  %s\n", changes[i - 1].name);
            change_one(&options, &changes[i - 1]);
        }
        memset(syn, 0, sizeof syn);
        assert_int_equal(hr_connect_with(&place.worker, &peer, &conn_ops, &options), HR_OK);
        (void)worker_turn(&place.worker);
        assert_syn(&options);
        assert_given(conn, &options);
        hr_abort(conn);
        (void)worker_turn(&place.worker);
    }
    close_place();
}

static void no_connection_begins_while_stopping(void **state)
{
    static struct hr_stack stack;
    static struct hr_worker worker = {.stack = &stack};
    static const struct hr_conn_ops ops;
    struct hr_addr peer;

    (void)state;
    assert_int_equal(hr_addr_parse("192.0.2.1", 7, &peer), HR_OK);
    atomic_init(&stack.stopping, true);
    assert_int_equal(hr_connect(&worker, &peer, &ops, NULL), HR_ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_what_was_asked_for),
        cmocka_unit_test(no_connection_begins_while_stopping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
