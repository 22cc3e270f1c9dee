/* The application of tcp_fixture.h, handshakes, and the end of a test. */
#include "datapath/wire/pool.h"
#include "tests/unit/tcp_fixture_port.h"
#include "tests/unit/timewait_find.h"

#include <stdlib.h>

struct tcp_tuple tuple_of(const struct tcp_fixture *f)
{
    return (struct tcp_tuple){.local = f->local,
                              .remote = f->remote,
                              .local_port = f->peer->local_port,
                              .remote_port = f->peer->port};
}

struct tcp_conn *conn_of(struct tcp_fixture *f)
{
    struct tcp_tuple tuple = tuple_of(f);

    return tcp_conn_find(&f->tcp, &tuple);
}

enum tcp_state state_of(struct tcp_fixture *f)
{
    struct tcp_tuple tuple = tuple_of(f);
    const struct tcp_conn *conn = conn_of(f);

    if (conn) {
        return (enum tcp_state)conn->state;
    }
    return timewait_find(&f->tcp, &tuple) != TIMEWAIT_NONE ? TCP_TIME_WAIT : TCP_CLOSED;
}

void establish(struct tcp_fixture *f)
{
    peer_sends_syn(f, 0, .seq = 0);
    expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
    peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->peer->told.open, 1);
    expect_silence(f);
    expect_state(f, TCP_ESTABLISHED);
}

void establish_by_connect(struct tcp_fixture *f)
{
    assert_int_equal(app_connects(f), TCP_OK);
    expect(f, TCP_SYN, .seq = 0);
    peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
    expect(f, TCP_ACK, .seq = 1, .ack = 1);
    assert_int_equal(f->peer->told.open, 1);
    expect_silence(f);
    expect_state(f, TCP_ESTABLISHED);
}

int app_connects(struct tcp_fixture *f)
{
    struct tcp_tuple tuple = tuple_of(f);
    struct tcp_conn *conn;
    int error;

    fixture_open(f);
    error = tcp_connect(&f->tcp, &tuple, &f->settings, &conn);
    turn(f);
    return error;
}

int32_t app_sends(struct tcp_fixture *f, uint32_t bytes)
{
    struct told *told = &f->peer->told;
    uint8_t *data = malloc(bytes + 1);
    int32_t taken;

    assert_non_null(data);
    for (uint32_t i = 0; i < bytes; i++) {
        data[i] = fixture_byte(true, 1 + told->queued + i);
    }
    taken = tcp_send(conn_of(f), data, bytes);
    free(data);
    told->queued += taken > 0 ? (uint32_t)taken : 0;
    turn(f);
    return taken;
}

void app_closes(struct tcp_fixture *f)
{
    tcp_close(conn_of(f));
    turn(f);
}

int app_shuts_down(struct tcp_fixture *f)
{
    int error = tcp_shutdown(conn_of(f));

    turn(f);
    return error;
}

void app_aborts(struct tcp_fixture *f)
{
    tcp_abort(conn_of(f));
    turn(f);
}

void app_pauses(struct tcp_fixture *f)
{
    tcp_pause(conn_of(f));
    turn(f);
}

void app_resumes(struct tcp_fixture *f)
{
    tcp_resume(conn_of(f));
    turn(f);
}

/* The test's own frames are the ones that only FRAME_WORKER holds between turns. */
static void give_frames(struct tcp_fixture *f)
{
    for (uint32_t i = 0; i < f->pool.count; i++) {
        if (f->pool.records[i].holders == FRAME_WORKER) {
            frame_drop(&f->pool, f->pool.first + i, FRAME_WORKER);
        }
    }
}

void press(struct tcp_fixture *f, enum frame_pressure level)
{
    fixture_open(f);
    give_frames(f);
    while (frame_pool_pressure(&f->pool) < level) {
        assert_int_not_equal(frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_WORKER), FRAME_NONE);
    }
}

static void end_connections(struct tcp_fixture *f)
{
    tcp_turn_begin(&f->tcp, f->now_ns);
    for (uint32_t i = 0; i < f->tcp.conns.untouched; i++) {
        if (slab_generation(&f->tcp.conns, i) & 1) {
            tcp_abort(slab_at(&f->tcp.conns, i));
        }
    }
    turn(f);
    f->now_ns += f->config.time_wait_ns;
    f->hold_completions = false;
    turn(f);
    forget_sent(f);
}

static void assert_at_home(const struct tcp_fixture *f)
{
    uint32_t used = 0;

    for (unsigned i = 0; i < FRAME_BUDGET_COUNT; i++) {
        used += f->pool.used[i];
    }
    assert_int_equal(used, f->net.neighbours.queued_total);
    assert_int_equal(f->tcp.conns.used, 0);
    assert_int_equal(f->tcp.flights.used, 0);
    assert_int_equal(f->tcp.pieces.slab.used, 0);
    assert_int_equal(f->tcp.blocks.free_bytes, f->config.blocks_bytes);
    assert_int_equal(f->tcp.table.count, 0);
    assert_int_equal(timewait_count(&f->tcp.timewait), 0);
    assert_int_equal(f->tcp.promised_bytes, 0);
    assert_int_equal(f->tcp.listeners[f->listener].half_open, 0);
    for (unsigned i = 0; i < TCP_POLICIES_MAX; i++) {
        assert_int_equal(f->tcp.policies.users[i], 0);
    }
    assert_int_equal(f->tcp.listeners[f->listener].connections, 0);
    assert_int_equal(f->tcp.half_open, 0);
    for (unsigned i = 0; i < PEERS; i++) { /* who heard of it hears of its end, once */
        const struct told *told = &f->peers[i].told;

        assert_true(told->open <= told->close && told->close <= 1);
    }
}

int fixture_teardown(void **state)
{
    struct tcp_fixture *f = *state;

    fixture_open(f);
    expect_silence(f);
    give_frames(f);
    end_connections(f);
    for (uint32_t i = 0; i < f->tcp.listener_count; i++) {
        tcp_unlisten(&f->tcp, i);
    }
    assert_at_home(f);
    wire_pool_destroy(&f->pool);
    free(f->port);
    free(f->memory);
    free(f);
    return 0;
}

struct tcp_fixture *start_over(void **state)
{
    bool v6 = ((struct tcp_fixture *)*state)->v6;

    assert_int_equal(fixture_teardown(state), 0);
    *state = v6 ? "v6" : "v4";
    assert_int_equal(fixture_setup(state), 0);
    return *state;
}
