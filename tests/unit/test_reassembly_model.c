/*
 * Goal:   whatever the order of segments, reassembly holds exactly the bytes that
 *         a model holds, the first version of each, gives them back once, and an
 *         ACK never claims more; shortages lose new bytes only.
 * Method: seeded random segments, large and small, repeated, overlapping with
 *         other bytes, RCV.NXT moving by segments that fill the first hole, and
 *         pruning, against one version number per byte of the window; with room
 *         for everything, with few frames, with few pieces; across 2^32.
 */
#include "tcp/reassembly.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/piece_fixture.h"
#include "tests/unit/reassembly_fixture.h"

#define WINDOW 8192u
#define SEGMENT_MAX 1460u
#define STEPS 1500u

struct model {
    struct reassembly_fixture f;
    struct random random;
    uint32_t rcv_nxt;
    uint8_t version;      /* of the segment in hand; never 0 */
    uint8_t held[WINDOW]; /* version of the byte at a number modulo the window; 0: none */
    uint32_t newest;      /* a number in the segment that came last */
    bool newest_is_held;
    unsigned stored;
    unsigned duplicate;
    unsigned no_room;
};

static uint8_t *held_at(struct model *m, uint32_t seq)
{
    return &m->held[seq % WINDOW];
}

static struct span random_span(struct model *m)
{
    static const uint32_t most[] = {1, 3, 60, 600, SEGMENT_MAX};
    uint32_t length =
        1 + (uint32_t)random_below(&m->random, most[random_below(&m->random, COUNT_OF(most))]);
    /* Beyond RCV.NXT and inside the window; often close to what is there. */
    uint32_t reach = random_chance(&m->random, 300000) ? 200 : WINDOW - length - 1;

    return (struct span){m->rcv_nxt + 1 + (uint32_t)random_below(&m->random, reach),
                         (uint16_t)length, m->version};
}

/* The first run of a span that is held; empty when there is none. */
static struct tcp_sack_block known_run(struct model *m, const struct span *span)
{
    uint32_t end = span->seq + span->length;
    uint32_t from = span->seq;
    uint32_t to;

    while (from != end && *held_at(m, from) == 0) {
        from++;
    }
    for (to = from; to != end && *held_at(m, to) != 0; to++) {
    }
    return (struct tcp_sack_block){from, to};
}

/* Whether the whole run of held bytes around `seq` is [start, end). */
static bool is_run(struct model *m, uint32_t start, uint32_t end)
{
    if (start == end || (start - 1 != m->rcv_nxt && *held_at(m, start - 1) != 0) ||
        (end - m->rcv_nxt < WINDOW && *held_at(m, end) != 0)) {
        return false;
    }
    for (uint32_t seq = start; seq != end; seq++) {
        if (*held_at(m, seq) == 0) {
            return false;
        }
    }
    return true;
}

/* The ranges are the model's runs: each is one, and none is missing. */
static void assert_agrees(struct model *m)
{
    const struct reassembly *r = &m->f.reassembly;
    uint32_t bytes = 0;

    assert_true(reassembly_check(r, &m->f.room));
    for (uint32_t seq = m->rcv_nxt; seq != m->rcv_nxt + WINDOW; seq++) {
        bytes += *held_at(m, seq) != 0;
    }
    assert_int_equal(r->bytes, bytes);
    for (unsigned i = 0; i < r->count; i++) {
        assert_true(is_run(m, r->ranges[i].start, r->ranges[i].end));
    }
}

/* Without room a part of the segment may be kept: what is there now is believed
 * where the segment could have brought it. */
static void learn(struct model *m, const struct span *span)
{
    const struct reassembly *r = &m->f.reassembly;

    for (unsigned i = 0; i < r->count; i++) {
        for (uint32_t seq = r->ranges[i].start; seq != r->ranges[i].end; seq++) {
            if (seq - span->seq < span->length && *held_at(m, seq) == 0) {
                *held_at(m, seq) = span->version;
            }
        }
    }
}

static void arrive(struct model *m, bool is_short)
{
    struct span span = random_span(m);
    struct tcp_sack_block known = known_run(m, &span);
    uint32_t bytes_before = m->f.reassembly.bytes;
    enum reassembly_result result;

    m->version = m->version == UINT8_MAX ? 1 : (uint8_t)(m->version + 1);
    m->f.reassembly.duplicate = false;
    result = reassembly_receive(&m->f, span);
    assert_int_equal(result == REASSEMBLY_DUPLICATE,
                     known.start == span.seq && known.end == span.seq + span.length);
    assert_int_equal(result == REASSEMBLY_STORED, m->f.reassembly.bytes > bytes_before);
    assert_true(is_short || result != REASSEMBLY_NO_ROOM);
    assert_int_equal(m->f.reassembly.duplicate, known.start != known.end);
    if (known.start != known.end) {
        assert_int_equal(m->f.reassembly.duplicate_start, known.start);
        assert_int_equal(m->f.reassembly.duplicate_end, known.end);
    }
    if (is_short) {
        learn(m, &span);
    } else {
        for (uint32_t seq = span.seq; seq != span.seq + span.length; seq++) {
            *held_at(m, seq) = *held_at(m, seq) != 0 ? *held_at(m, seq) : span.version;
        }
        m->newest = span.seq;
        m->newest_is_held = true;
    }
    m->stored += result == REASSEMBLY_STORED;
    m->duplicate += result == REASSEMBLY_DUPLICATE;
    m->no_room += result == REASSEMBLY_NO_ROOM;
}

static void forget(struct model *m, uint32_t seq)
{
    if (m->newest == seq) {
        m->newest_is_held = false;
    }
    *held_at(m, seq) = 0;
}

/* A segment in order moves RCV.NXT, perhaps into or beyond what is held. */
static void fill_hole(struct model *m)
{
    uint32_t to = m->rcv_nxt + 1 + (uint32_t)random_below(&m->random, SEGMENT_MAX);
    struct slice slice;

    for (; m->rcv_nxt != to; m->rcv_nxt++) {
        forget(m, m->rcv_nxt);
    }
    while (reassembly_pop(&m->f.reassembly, &m->f.room, m->rcv_nxt, &slice)) {
        assert_true(slice.length > 0);
        assert_true(sum_is_right(&m->f.pieces, &slice));
        for (uint32_t i = 0; i < slice.length; i++, m->rcv_nxt++) {
            assert_int_equal(slice_data(m->f.room.pool, &slice)[i],
                             byte_at(m->rcv_nxt, *held_at(m, m->rcv_nxt)));
            forget(m, m->rcv_nxt);
        }
        frame_drop(m->f.room.pool, slice.frame, FRAME_REASSEMBLY);
    }
    assert_int_equal(*held_at(m, m->rcv_nxt), 0);
}

static void prune(struct model *m)
{
    const struct reassembly *r = &m->f.reassembly;

    if (r->count > 0) {
        const struct reassembly_range top = r->ranges[r->count - 1];

        for (uint32_t seq = top.start; seq != top.end; seq++) {
            forget(m, seq);
        }
    }
    (void)reassembly_prune_top(&m->f.reassembly, &m->f.room);
}

/* Blocks are runs, none twice, as many as there is room for, the newest first. */
static void acknowledge(struct model *m)
{
    struct tcp_sack_block blocks[TCP_SACK_BLOCKS_MAX];
    unsigned max = 1 + (unsigned)random_below(&m->random, TCP_SACK_BLOCKS_MAX);
    unsigned first = m->f.reassembly.duplicate ? 1 : 0;
    unsigned count = reassembly_sack(&m->f.reassembly, blocks, max);

    assert_int_equal(count, min_u32(max, m->f.reassembly.count + first));
    for (unsigned i = first; i < count; i++) {
        assert_true(is_run(m, blocks[i].start, blocks[i].end));
        for (unsigned j = first; j < i; j++) {
            assert_int_not_equal(blocks[i].start, blocks[j].start);
        }
    }
    if (m->newest_is_held && count > first) {
        assert_true(m->newest - blocks[first].start < blocks[first].end - blocks[first].start);
    }
}

static void run(uint64_t seed, uint32_t frames, uint32_t pieces, bool is_short)
{
    static struct model m;

    m = (struct model){.version = 1, .rcv_nxt = UINT32_MAX - WINDOW * 4};
    random_init(&m.random, seed);
    reassembly_open(&m.f, 0, frames, pieces);
    for (unsigned step = 0; step < STEPS; step++) {
        switch (random_below(&m.random, 12)) {
        case 0:
            fill_hole(&m);
            break;
        case 1:
            if (random_chance(&m.random, 200000)) {
                prune(&m);
            }
            break;
        case 2:
        case 3:
            acknowledge(&m);
            break;
        default:
            arrive(&m, is_short);
            break;
        }
        assert_agrees(&m);
    }
    assert_true(m.stored > STEPS / 10);
    assert_true(m.duplicate > STEPS / 100);
    assert_true(!is_short || m.no_room > STEPS / 100);
    reassembly_close(&m.f);
}

static void with_room_for_everything(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        run(seed, 512, 4096, false);
    }
}

static void with_few_frames(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 14; seed++) {
        run(seed, 6, 4096, true);
    }
}

static void with_few_pieces(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= 24; seed++) {
        run(seed, 512, 5, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_room_for_everything),
        cmocka_unit_test(with_few_frames),
        cmocka_unit_test(with_few_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
