/*
 * Goal:   whatever the doors of sending are used for, in any order and with frames
 *         running short, the queue has every byte that was taken, once and in order.
 * Method: a seeded random order of all doors, transmissions, acknowledgements and
 *         changes of the MSS, across 2^32; each byte follows from its number.
 */
#include "tcp/user.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/conn_fixture.h"
#include "tests/unit/piece_fixture.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/sendq_fixture.h"

#define STEPS 30000u

static void give(struct sender *s, struct random *random)
{
    struct frame_pool *pool = &s->f.net.pool;
    uint16_t length =
        (uint16_t)(1 + random_below(random, random_chance(random, 500000) ? 50 : MSS));
    uint32_t queued = tcp_conn_queued(s->conn);
    uint32_t room;
    uint8_t *place;
    struct slice slice;

    switch (random_below(random, 4)) {
    case 0:
        (void)send_bytes(s, (uint32_t)random_below(random, 4 * MSS));
        break;
    case 1:
        place = tcp_reserve(s->conn, &room);
        if (place) {
            length = (uint16_t)min_u32(length, room);
            write_at(place, s->end, length);
            s->end += tcp_commit(s->conn, place, length) == TCP_OK ? length : 0;
        }
        break;
    default:
        slice = arrived(s, (uint16_t)(TCP_PAYLOAD_OFFSET - random_below(random, 2)), length);
        if (random_chance(random, 500000) && frame_keep(pool, slice.frame)) {
            frame_hold(pool, slice.frame, FRAME_APP);
            if (pass_on(s, &slice, FRAME_APP) != TCP_OK) {
                frame_drop(pool, slice.frame, FRAME_APP);
            }
        } else {
            (void)pass_on(s, &slice, FRAME_WORKER);
        }
        frame_drop(pool, slice.frame, FRAME_WORKER);
        break;
    }
    assert_true(tcp_conn_queued(s->conn) >= queued);
}

static void acknowledge_some(struct sender *s, struct random *random)
{
    struct tcp_sendq_room room = {&s->f.net.pool, &s->f.tcp.blocks};
    uint32_t sent = s->conn->snd.nxt - s->conn->snd.una;

    s->conn->snd.una += (uint32_t)random_below(random, sent + 1);
    sendq_deliver(&s->conn->flight->sendq, &room, s->conn->snd.una);
    tcp_conn_rest(s->conn);
}

static void any_door_at_any_time(void **state)
{
    struct sender s;
    struct random random;
    unsigned full = 0;
    unsigned starved = 0;
    unsigned held = 0;
    uint32_t frames[FIXTURE_FRAMES];

    (void)state;
    random_init(&random, 793);
    open_sender(&s);
    s.conn->send_buffer = 90000;
    for (unsigned step = 0; step < STEPS; step++) {
        if (step % 4000 == 3000) { /* others have the frames for a while */
            held = conn_press(&s.f, FRAME_CRITICAL, frames);
        } else if (step % 4000 == 0) {
            conn_relieve(&s.f, frames, held);
            held = 0;
        }
        switch (random_below(&random, step / 1000 % 2 ? 8 : 24)) {
        case 0:
        case 1:
            if (s.conn->flight) {
                send_all(&s);
            }
            break;
        case 2:
            if (s.conn->flight) {
                acknowledge_some(&s, &random);
            }
            break;
        case 3: /* options come and go, the path's MTU shrinks */
            s.conn->snd.mss = (uint16_t)(88 + random_below(&random, MSS - 88 + 1));
            break;
        default:
            give(&s, &random);
            break;
        }
        full += tcp_conn_queued(s.conn) >= s.conn->send_buffer;
        starved += tcp_conn_has(s.conn, TCP_CONN_STARVED);
        s.conn->flags &= ~(uint32_t)(TCP_CONN_STARVED | TCP_CONN_WANTS_WRITE);
        if (step % 16 == 0) {
            check_queue(&s);
        }
    }
    conn_relieve(&s.f, frames, held);
    assert_true(s.end < START); /* 2^32 was passed */
    assert_int_not_equal(full + starved, 0);
    assert_int_not_equal(starved, 0);
    close_sender(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_door_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
