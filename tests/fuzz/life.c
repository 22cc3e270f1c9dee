#include "tests/fuzz/life.h"

#include "tcp/seq.h"
#include "tcp/urgent.h"
#include "tcp/user.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/care.h"
#include "tests/sim/stream.h"

#define LIVES 16u
#define SEND_BYTES_MAX 8192u

static struct life lives[LIVES];
static struct life_habits habits;
static bool passed_on; /* bytes of a peer's stream stand in one of ours */

struct life *life_of(const struct tcp_conn *conn)
{
    struct life *life = &lives[conn->index];

    FUZZ_CHECK(conn->index < LIVES);
    return life->conn == conn ? life : NULL;
}

/* Never after the end. */
static struct life *tell(const struct tcp_conn *conn)
{
    struct life *life = life_of(conn);

    FUZZ_CHECK(life != NULL && conn->state != TCP_CLOSED);
    return life;
}

void life_begin(struct tcp_conn *conn)
{
    FUZZ_CHECK(conn->index < LIVES && lives[conn->index].conn == NULL);
    lives[conn->index] = (struct life){.conn = conn};
}

void life_send(struct life *life, uint32_t bytes)
{
    static uint8_t data[SEND_BYTES_MAX];
    struct tcp_conn *conn = life->conn;
    uint32_t length = min_u32(bytes, SEND_BYTES_MAX);
    int32_t taken;

    stream_fill(LIFE_OUR_KEY, conn->snd.iss + 1 + life->queued, data, length);
    taken = tcp_send(conn, data, length);
    FUZZ_CHECK(taken <= (int32_t)length);
    FUZZ_CHECK(taken <= 0 || !(life->shut || life->left));
    life->queued += taken > 0 ? (uint32_t)taken : 0;
}

void life_send_urgent(struct life *life, uint32_t bytes)
{
    uint8_t data[64];
    struct tcp_conn *conn = life->conn;
    uint32_t length = min_u32(bytes, sizeof data);
    int32_t taken;

    stream_fill(LIFE_OUR_KEY, conn->snd.iss + 1 + life->queued, data, length);
    taken = tcp_send_urgent(conn, data, length);
    FUZZ_CHECK(taken <= (int32_t)length);
    FUZZ_CHECK(taken <= 0 || !(life->shut || life->left));
    life->queued += taken > 0 ? (uint32_t)taken : 0;
}

void life_leave(struct life *life, uint64_t linger_ns)
{
    life->left = true;
    tcp_close_within(life->conn, linger_ns);
}

void life_write(struct life *life, uint32_t bytes)
{
    struct tcp_conn *conn = life->conn;
    uint32_t room = 0;
    uint8_t *place = tcp_reserve(conn, &room);
    uint32_t length = min_u32(bytes, room);

    if (place) {
        stream_fill(LIFE_OUR_KEY, conn->snd.iss + 1 + life->queued, place, length);
        if (tcp_commit(conn, place, length) == TCP_OK) {
            life->queued += length;
        }
    }
}

void life_act(struct life *life, enum life_act act)
{
    struct tcp_conn *conn = life->conn;

    switch (act) {
    case LIFE_PAUSE:
        tcp_pause(conn);
        break;
    case LIFE_RESUME:
        tcp_resume(conn);
        break;
    case LIFE_SEND:
        life_send(life, 700);
        break;
    case LIFE_SHUTDOWN:
        if (tcp_shutdown(conn) == TCP_OK) {
            FUZZ_CHECK(!life->shut);
            life->shut = true;
        }
        break;
    case LIFE_CLOSE:
        life->left = true;
        tcp_close(conn);
        break;
    case LIFE_ABORT:
        life->left = true;
        tcp_abort(conn);
        break;
    default:
        break;
    }
}

/* The oldest, whose bytes nobody has touched. */
static struct slice take_retained(struct life *life)
{
    struct life_retained oldest = life->retained[0];

    FUZZ_CHECK(stream_matches(LIFE_PEER_KEY, oldest.seq, slice_data(&bed.pool, &oldest.slice),
                              oldest.slice.length));
    life->retained_count--;
    memmove(life->retained, life->retained + 1, life->retained_count * sizeof *life->retained);
    return oldest.slice;
}

static void release(struct life *life, const struct slice *slice)
{
    if (life->conn->state == TCP_CLOSED) {
        tcp_data_release_orphan(&bed.tcp, slice);
    } else {
        tcp_data_release(life->conn, slice);
    }
}

void life_release(struct life *life)
{
    if (life->retained_count > 0) {
        struct slice slice = take_retained(life);

        release(life, &slice);
    }
}

void life_pass_on(struct life *life)
{
    if (life->retained_count > 0 && life->conn->state != TCP_CLOSED) {
        struct slice slice = take_retained(life);
        uint16_t length = slice.length;

        if (tcp_send_slice(life->conn, &slice, FRAME_APP) == TCP_OK) {
            life->queued += length;
            passed_on = true;
            tcp_data_passed(life->conn, length);
        } else {
            release(life, &slice);
        }
    }
}

static void on_open(struct tcp_conn *conn)
{
    struct life *life = life_of(conn);

    if (life == NULL) {
        life_begin(conn);
        life = life_of(conn);
    }
    FUZZ_CHECK(!life->opened && conn->state != TCP_CLOSED);
    life->opened = true;
    life_act(life, habits.on_open);
}

static void keep(struct life *life, const struct slice *slice, uint32_t seq)
{
    struct life_retained *kept = &life->retained[life->retained_count];

    if (life->retained_count < LIFE_RETAINED_MAX) {
        FUZZ_CHECK(tcp_data_retain(life->conn, slice, &kept->slice));
        kept->seq = seq;
        life->retained_count++;
    }
}

static void on_data(struct tcp_conn *conn, const struct slice *slices, unsigned count)
{
    struct life *life = tell(conn);

    FUZZ_CHECK(!life->left && !life->eof && count > 0);
    for (unsigned i = 0; i < count; i++) {
        const struct slice *slice = &slices[i];
        uint32_t seq = conn->rcv.irs + 1 + life->received;

        FUZZ_CHECK(slice->length > 0);
        FUZZ_CHECK(stream_matches(LIFE_PEER_KEY, seq, slice_data(&bed.pool, slice), slice->length));
        life->received += slice->length;
        if (habits.echoes && tcp_send_slice(conn, slice, FRAME_WORKER) == TCP_OK) {
            life->queued += slice->length;
            passed_on = true;
        } else if (habits.retains) {
            keep(life, slice, seq);
        }
    }
    life_act(life, habits.on_data);
}

static void on_sent(struct tcp_conn *conn, uint32_t bytes)
{
    struct life *life = tell(conn);

    life->acked += bytes;
    FUZZ_CHECK(bytes > 0 && life->acked <= life->queued);
}

static void on_writable(struct tcp_conn *conn)
{
    struct life *life = tell(conn);

    FUZZ_CHECK(!life->shut && !life->left);
    if (habits.writes) {
        life_send(life, 700);
    }
}

static void on_eof(struct tcp_conn *conn)
{
    struct life *life = tell(conn);

    FUZZ_CHECK(!life->eof && !life->left);
    life->eof = true;
    life_act(life, habits.on_eof);
}

/* Urgent data is to come, or a trouble came. */
static void on_notice(struct tcp_conn *conn)
{
    (void)tell(conn);
}

static void on_close(struct tcp_conn *conn)
{
    struct life *life = life_of(conn);

    FUZZ_CHECK(life != NULL && conn->state == TCP_CLOSED);
    FUZZ_CHECK(conn->reason < TCP_REASON_COUNT);
    FUZZ_CHECK(conn->reason != TCP_REASON_DONE || life->left || life->acked == life->queued);
    while (life->retained_count > 0) {
        life_release(life);
    }
    life->conn = NULL;
}

const struct tcp_events life_events = {
    .open = on_open,
    .data = on_data,
    .sent = on_sent,
    .writable = on_writable,
    .eof = on_eof,
    .urgent = on_notice,
    .trouble = on_notice,
    .close = on_close,
};

void life_reset(const struct life_habits *wanted)
{
    habits = *wanted;
    passed_on = false;
    memset(lives, 0, sizeof lives);
}

void life_calm(void)
{
    habits.writes = false;
    habits.on_open = LIFE_NOTHING;
    habits.on_data = LIFE_NOTHING;
    habits.on_eof = LIFE_NOTHING;
    for (unsigned i = 0; i < LIVES; i++) {
        while (lives[i].conn && lives[i].retained_count > 0) {
            life_release(&lives[i]);
        }
    }
}

/* All that came stands with the application or in the queue, and all that was queued
 * is out or acknowledged. */
static void check_bytes(const struct life *life)
{
    const struct tcp_conn *conn = life->conn;
    uint32_t fin = tcp_conn_has(conn, TCP_CONN_FIN_RECEIVED);

    FUZZ_CHECK(life->left ||
               conn->rcv.nxt - conn->rcv.irs - 1 - fin == life->received + conn->recvq.bytes);
    FUZZ_CHECK(life->left || tcp_unacked(conn) == life->queued - life->acked);
}

static void check_life(struct life *life)
{
    const struct tcp_conn *conn = life->conn;

    if (!tcp_state_is_synchronized((enum tcp_state)conn->state)) {
        return;
    }
    check_bytes(life);
    FUZZ_CHECK(!life->synchronized || seq_ge(conn->rcv.edge, life->edge));
    life->synchronized = true;
    life->edge = conn->rcv.edge;
}

static void check_care(const struct tcp_conn *conn)
{
    const char *forgotten = care_forgotten(conn);
    uint64_t turned_ns = bed.now_ns - (1ull << WHEEL_TICK_SHIFT);

    if (forgotten) {
        fuzz_fail(forgotten, __FILE__, __LINE__);
    }
    FUZZ_CHECK(!care_passes_over(conn, turned_ns)); /* a turn has just run all that were due */
}

void life_check_all(void)
{
    for (uint32_t i = 0; i < bed.tcp.conns.untouched; i++) {
        if (slab_generation(&bed.tcp.conns, i) & 1) {
            struct tcp_conn *conn = slab_at(&bed.tcp.conns, i);
            struct life *life = life_of(conn);

            check_care(conn);
            if (life) {
                check_life(life);
            }
        }
    }
}

bool life_sent_right(uint32_t seq, const uint8_t *bytes, uint32_t length)
{
    return passed_on || stream_matches(LIFE_OUR_KEY, seq, bytes, length);
}
