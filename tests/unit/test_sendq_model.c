/*
 * Goal:   any order of writes, transmissions, losses, SACKs, splits, copies and
 *         acknowledgements leaves the send queue right: which bytes are where, in
 *         which order they were sent and lost, and where each number is found.
 * Method: a seeded random order of calls beside a plain array with the state of each
 *         byte; the positions begin at 0 and below the point at which they begin
 *         again, the sequence numbers below 2^32. Frames are few, so that calls are
 *         refused.
 */
#include "tcp/sendq.h"

#include "datapath/util.h"
#include "datapath/wire/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/piece_fixture.h"
#include "tests/unit/sendq_fixture.h"

#define STEPS 12000u
#define FRAMES 90u
#define BYTES_MAX (1u << 18) /* more than all frames hold; a power of two */
#define SEGMENT 1460u

enum where {
    NOT_SENT,
    IN_FLIGHT,
    LOST,
    SACKED,
};

struct model {
    struct sendq_fixture f;
    struct random random;
    uint8_t where[BYTES_MAX]; /* by sequence number */
    uint64_t sent_ns[BYTES_MAX];
    uint32_t sent_end; /* SND.NXT */
    bool finished;     /* the FIN is queued */
    bool filling;      /* few acknowledgements: until frames run short */
    unsigned refused;
};

static enum where where_is(const struct tcp_record *record)
{
    if (!(record->flags & TCP_RECORD_SENT)) {
        return NOT_SENT;
    }
    if (record->flags & TCP_RECORD_SACKED) {
        return SACKED;
    }
    return record->flags & TCP_RECORD_LOST ? LOST : IN_FLIGHT;
}

static void note(struct model *m, const struct tcp_record *record, enum where where)
{
    for (uint32_t seq = record->seq; seq != tcp_record_end(record); seq++) {
        m->where[seq % BYTES_MAX] = (uint8_t)where;
        if (where == IN_FLIGHT) {
            m->sent_ns[seq % BYTES_MAX] = m->f.now_ns;
        }
    }
}

static void compare(struct model *m)
{
    struct tcp_sendq *sendq = &m->f.sendq;
    uint32_t bytes[4] = {0};

    assert_queue(&m->f);
    for (uint32_t at = sendq->head; at != sendq->tail; at++) {
        const struct tcp_record *record = sendq_at(sendq, at);

        for (uint32_t seq = record->seq; seq != tcp_record_end(record); seq++) {
            assert_int_equal(where_is(record), m->where[seq % BYTES_MAX]);
            assert_true(where_is(record) == NOT_SENT ||
                        record->last_tx_ns == m->sent_ns[seq % BYTES_MAX]);
            bytes[where_is(record)]++;
        }
    }
    assert_int_equal(bytes[IN_FLIGHT], sendq->in_flight_bytes);
    assert_int_equal(bytes[LOST], sendq->lost_bytes);
    assert_int_equal(bytes[SACKED], sendq->sacked_bytes);
    assert_int_equal(bytes[NOT_SENT], m->f.end - m->sent_end);
}

/* A random record of a kind; TCP_POSITION_NONE when there is none. */
static uint32_t pick(struct model *m, enum where where)
{
    const struct tcp_sendq *sendq = &m->f.sendq;
    uint32_t count = sendq_count(sendq);
    uint32_t start = (uint32_t)random_below(&m->random, count);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t position = sendq->head + (start + i) % count;

        if (where_is(sendq_at(sendq, position)) == where) {
            return position;
        }
    }
    return TCP_POSITION_NONE;
}

static void write_one(struct model *m)
{
    bool small = random_chance(&m->random, 500000);
    uint16_t length = (uint16_t)(1 + random_below(&m->random, small ? 5 : SEGMENT));
    bool syn = m->f.sendq.tail == m->f.sendq.head && random_chance(&m->random, 100000);

    if (m->finished) {
        return;
    }
    if (!queue(&m->f, length, syn ? TCP_RECORD_SYN : 0)) {
        m->refused++;
        return;
    }
    note(m, sendq_at(&m->f.sendq, m->f.sendq.tail - 1), NOT_SENT);
}

static void append(struct model *m)
{
    struct tcp_record *tail = sendq_open_tail(&m->f.sendq);
    uint16_t length = (uint16_t)(1 + random_below(&m->random, 100));

    if (!tail || m->finished || tail->slice.length + length > SEGMENT) {
        return;
    }
    write_bytes(&m->f, &tail->slice, length);
    sendq_grew(&m->f.sendq, tail, length);
    m->f.end += length;
    note(m, tail, NOT_SENT);
}

static void finish(struct model *m)
{
    if (!m->finished && random_chance(&m->random, 20000)) {
        m->finished = queue(&m->f, 0, TCP_RECORD_FIN);
        if (m->finished) {
            note(m, sendq_at(&m->f.sendq, m->f.sendq.tail - 1), NOT_SENT);
        }
    }
}

static void send_one(struct model *m, uint32_t position)
{
    if (position == TCP_POSITION_NONE || position == m->f.sendq.tail) {
        return;
    }
    if (random_chance(&m->random, 300000)) {
        m->f.now_ns -= 10; /* several in one burst: the same moment */
    }
    transmit(&m->f, position);
    note(m, sendq_at(&m->f.sendq, position), IN_FLIGHT);
    if (position == m->f.sendq.next - 1) {
        m->sent_end = tcp_record_end(sendq_at(&m->f.sendq, position));
    }
}

static void lose(struct model *m)
{
    uint32_t position = pick(m, IN_FLIGHT);

    if (position != TCP_POSITION_NONE) {
        sendq_mark_lost(&m->f.sendq, position);
        note(m, sendq_at(&m->f.sendq, position), LOST);
    }
}

/* A block, as the input of an ACK walks it. */
static void sack(struct model *m)
{
    struct tcp_sendq *sendq = &m->f.sendq;
    uint32_t start = m->f.una + (uint32_t)random_below(&m->random, m->sent_end - m->f.una);
    uint32_t end = start + (uint32_t)random_below(&m->random, 4 * SEGMENT);
    uint32_t position = sendq_find(sendq, start);

    for (position = sendq_skip_sacked(sendq, position); position != sendq->next;
         position = sendq_skip_sacked(sendq, position)) {
        if (seq_gt(tcp_record_end(sendq_at(sendq, position)), end)) {
            return;
        }
        sendq_mark_sacked(sendq, position);
        note(m, sendq_at(sendq, position), SACKED);
    }
}

static void time_out(struct model *m)
{
    bool forget = random_chance(&m->random, 500000);

    if (!random_chance(&m->random, 50000)) {
        return;
    }
    sendq_mark_all_lost(&m->f.sendq, forget);
    for (uint32_t seq = m->f.una; seq != m->sent_end; seq++) {
        if (forget || m->where[seq % BYTES_MAX] != SACKED) {
            m->where[seq % BYTES_MAX] = LOST;
        }
    }
}

/* The timeout was needless. */
static void undo(struct model *m)
{
    if (!random_chance(&m->random, 100000)) {
        return;
    }
    for (uint32_t position = m->f.sendq.head; position != m->f.sendq.next; position++) {
        const struct tcp_record *record = sendq_at(&m->f.sendq, position);

        if (where_is(record) == LOST && !(record->flags & TCP_RECORD_RETRANSMITTED)) {
            for (uint32_t seq = record->seq; seq != tcp_record_end(record); seq++) {
                m->where[seq % BYTES_MAX] = IN_FLIGHT;
            }
        }
    }
    sendq_unmark_lost(&m->f.sendq);
}

static void split(struct model *m)
{
    uint32_t position = sendq_is_empty(&m->f.sendq)
                            ? TCP_POSITION_NONE
                            : pick(m, (enum where)random_below(&m->random, 4));
    const struct tcp_record *record;

    if (position == TCP_POSITION_NONE) {
        return;
    }
    record = sendq_at(&m->f.sendq, position);
    if (record->slice.length < 2 || record->flags & TCP_RECORD_SYN) {
        return;
    }
    m->refused += !sendq_split(&m->f.sendq, &m->f.room, position,
                               (uint16_t)(1 + random_below(&m->random, record->slice.length - 1u)));
}

static void copy(struct model *m)
{
    uint32_t position = pick(m, IN_FLIGHT);

    if (position != TCP_POSITION_NONE && sendq_at(&m->f.sendq, position)->slice.length > 0) {
        m->refused += !sendq_copy_frame(&m->f.sendq, &m->f.room, position);
    }
}

/* Whole or in part, often small, at times all. */
static void take_ack(struct model *m)
{
    uint32_t sent = m->sent_end - m->f.una;
    uint32_t most;

    if (m->filling && random_chance(&m->random, 950000)) {
        return;
    }
    most = random_chance(&m->random, 100000) ? sent : min_u32(sent, 3 * SEGMENT);

    acknowledge(&m->f, m->f.una + (uint32_t)random_below(&m->random, most + 1));
}

static void find(struct model *m)
{
    uint32_t offset = (uint32_t)random_below(&m->random, m->f.end - m->f.una + 10);
    uint32_t expected = m->f.sendq.head;

    while (expected != m->f.sendq.tail &&
           seq_le(tcp_record_end(sendq_at(&m->f.sendq, expected)), m->f.una + offset)) {
        expected++;
    }
    assert_int_equal(sendq_find(&m->f.sendq, m->f.una + offset), expected);
    for (uint32_t at = m->f.sendq.head; at != m->f.sendq.next; at++) {
        expected = at;
        while (expected != m->f.sendq.next && where_is(sendq_at(&m->f.sendq, expected)) == SACKED) {
            expected++;
        }
        assert_int_equal(sendq_skip_sacked(&m->f.sendq, at), expected);
    }
}

static void step(struct model *m)
{
    struct tcp_sendq *sendq = &m->f.sendq;

    switch (random_below(&m->random, 17)) {
    case 0:
    case 1:
    case 2:
        write_one(m);
        break;
    case 3:
        append(m);
        break;
    case 4:
    case 5:
    case 6:
        send_one(m, sendq->next);
        break;
    case 7:
        send_one(m, sendq->lost.first);
        break;
    case 8: /* a probe */
        send_one(m, sendq->in_flight.last);
        break;
    case 9:
        lose(m);
        break;
    case 10:
        if (m->sent_end != m->f.una) {
            sack(m);
        }
        break;
    case 11:
        time_out(m);
        break;
    case 12:
        split(m);
        break;
    case 13:
        copy(m);
        break;
    case 14:
        take_ack(m);
        break;
    case 15:
        undo(m);
        break;
    default:
        finish(m);
        find(m);
        break;
    }
}

static void any_order(uint32_t position, uint64_t seed)
{
    static struct model m;

    m = (struct model){.finished = false};
    random_init(&m.random, seed);
    sendq_open(&m.f, UINT32_MAX - 100000, FRAMES);
    m.sent_end = m.f.una;
    m.f.sendq.head = position;
    m.f.sendq.next = position;
    m.f.sendq.tail = position;
    for (unsigned i = 0; i < STEPS; i++) {
        m.filling = i / 1000 % 2 == 0;
        step(&m);
        if (i % 16 == 0) {
            compare(&m);
        }
        if (m.finished && sendq_is_empty(&m.f.sendq)) {
            m.finished = false; /* the next stream goes on where this one ended */
        }
    }
    compare(&m);
    assert_true(m.f.una < UINT32_MAX - 100000); /* 2^32 was passed */
    assert_true(m.f.sendq.head < 1u << 31);
    assert_int_not_equal(m.refused, 0);
    sendq_close(&m.f);
}

static void from_the_first_position(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        any_order(0, seed);
    }
}

static void across_the_last_position(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 13; seed++) {
        any_order((1u << 31) - 500, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_the_first_position),
        cmocka_unit_test(across_the_last_position),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
