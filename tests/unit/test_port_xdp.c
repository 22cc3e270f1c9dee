/*
 * Goal:   the port keeps its invariants (as many lent as FILL holds, never more
 *         in flight than TX holds), loses no frame, and does the right thing for
 *         each errno of the kick.
 * Method: rings in ordinary memory, whose other side is played by a kernel of a
 *         few lines; sendto() is ours, and answers from a script.
 */
#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "datapath/xdp/port_xdp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES 256u
#define RX 32u
#define FILL 64u
#define TX 64u
#define DONE 64u
#define FIRST 100u              /* of the pool in its region */
#define START (UINT32_MAX - 20) /* of all indices: they wrap soon */
#define SCRIPT_MAX 100

struct shared {
    uint32_t producer;
    uint32_t consumer;
    uint32_t flags;
    uint32_t spare;
    union {
        struct xdp_desc packets[64];
        uint64_t addresses[64];
    };
};

/* What the fake kernel does at a kick. */
struct answer {
    uint32_t takes; /* descriptors out of TX */
    bool completes; /* and straight into COMPLETION */
    int errnum;     /* 0: the call succeeds */
};

struct fixture {
    struct frame_pool pool;
    struct port_xdp xdp;
    struct shared shared[XSK_RING_COUNT];
    struct answer script[SCRIPT_MAX];
    unsigned script_length;
    unsigned kicks;
    unsigned wakeups;
};

static struct fixture *current; /* the one that sendto() is for */

static void kernel_take(struct fixture *f, uint32_t count, bool completes)
{
    struct shared *tx = &f->shared[XSK_TX];
    struct shared *done = &f->shared[XSK_COMPLETION];

    while (count-- > 0 && tx->consumer != tx->producer) {
        uint64_t address = tx->packets[tx->consumer++ & (TX - 1)].addr;

        if (completes) {
            assert_true(done->producer - done->consumer < DONE);
            done->addresses[done->producer++ & (DONE - 1)] = address;
        }
    }
}

ssize_t sendto(int fd, const void *data, size_t bytes, int flags, const struct sockaddr *to,
               socklen_t to_bytes)
{
    const struct answer all = {.takes = UINT32_MAX, .completes = true};
    const struct answer *answer = &all;

    assert_int_equal(fd, -7);
    assert_null(data);
    assert_int_equal(bytes, 0);
    assert_int_equal(flags, MSG_DONTWAIT);
    assert_null(to);
    assert_int_equal(to_bytes, 0);
    if (current->kicks < current->script_length) {
        answer = &current->script[current->kicks];
    }
    current->kicks++;
    kernel_take(current, answer->takes, answer->completes);
    errno = answer->errnum;
    return answer->errnum == 0 ? 0 : -1;
}

ssize_t recvfrom(int fd, void *data, size_t bytes, int flags, struct sockaddr *from,
                 socklen_t *from_bytes)
{
    (void)data, (void)bytes, (void)flags, (void)from, (void)from_bytes;
    assert_int_equal(fd, -7);
    current->wakeups++;
    return 0;
}

static void open_port_with(struct fixture *f, uint32_t receive_floor)
{
    static const uint32_t sizes[XSK_RING_COUNT] = {RX, TX, FILL, DONE};
    const struct xdp_ring_offset offset = {
        .producer = offsetof(struct shared, producer),
        .consumer = offsetof(struct shared, consumer),
        .desc = offsetof(struct shared, packets),
        .flags = offsetof(struct shared, flags),
    };
    const struct frame_pool_config pool = {
        .first = FIRST, .count = FRAMES, .chunk_bytes = 2048, .floor = {receive_floor, 8, 32}};

    memset(f, 0, sizeof *f);
    current = f;
    assert_int_equal(wire_pool_create(&f->pool, &pool), 0);
    f->xdp.socket.handle.fd = -7;
    for (unsigned i = 0; i < XSK_RING_COUNT; i++) {
        f->shared[i].producer = f->shared[i].consumer = START;
        xsk_ring_init(&f->xdp.socket.ring[i], &f->shared[i], &offset, sizes[i]);
        f->xdp.socket.ring[i].cached_own = f->xdp.socket.ring[i].cached_other = START;
    }
    f->shared[XSK_TX].flags = XDP_RING_NEED_WAKEUP; /* as copy mode always says */
}

static void open_port(struct fixture *f)
{
    open_port_with(f, FILL + 16);
    assert_int_equal(port_xdp_init(&f->xdp, &f->pool), 0);
    assert_int_equal(f->pool.used[FRAME_BUDGET_RECEIVE], FILL);
    assert_int_equal(f->shared[XSK_FILL].producer - f->shared[XSK_FILL].consumer, FILL);
}

static void close_port(struct fixture *f)
{
    port_xdp_recall(&f->xdp);
    assert_true(frame_pool_check(&f->pool));
    assert_int_equal(f->pool.free_count, FRAMES);
    wire_pool_destroy(&f->pool);
}

/* The kernel receives: a frame out of FILL, a descriptor into RX. False: dropped. */
static bool kernel_receive(struct fixture *f, uint32_t length, uint32_t options)
{
    struct shared *fill = &f->shared[XSK_FILL];
    struct shared *rx = &f->shared[XSK_RX];
    uint64_t address;

    if (fill->consumer == fill->producer || rx->producer - rx->consumer == RX) {
        return false;
    }
    address = fill->addresses[fill->consumer++ & (FILL - 1)];
    assert_true(frame_is_held_by(&f->pool, (uint32_t)(address >> 11), FRAME_KERNEL_RX));
    rx->packets[rx->producer++ & (RX - 1)] =
        (struct xdp_desc){.addr = address + 256, .len = length, .options = options};
    return true;
}

static void send_packets(struct fixture *f, uint32_t count)
{
    struct port *port = &f->xdp.port;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t frame = frame_take(port->pool, FRAME_BUDGET_CONTROL, FRAME_WORKER);

        assert_int_not_equal(frame, FRAME_NONE);
        port_send(port, frame, 200, (uint16_t)(60 + i));
        frame_drop(port->pool, frame, FRAME_WORKER);
    }
}

static void init_refuses_what_cannot_work(void **state)
{
    struct fixture f;

    (void)state;
    open_port_with(&f, FILL);
    assert_int_equal(port_xdp_init(&f.xdp, &f.pool), -1); /* could not replace */
    wire_pool_destroy(&f.pool);
    open_port_with(&f, FILL + 16);
    f.xdp.socket.ring[XSK_RX].size = FILL;
    assert_int_equal(port_xdp_init(&f.xdp, &f.pool), -1); /* a stall would take all frames */
    wire_pool_destroy(&f.pool);
    open_port_with(&f, FILL + 16);
    f.xdp.socket.ring[XSK_COMPLETION].size = TX / 2;
    assert_int_equal(port_xdp_init(&f.xdp, &f.pool), -1);
    wire_pool_destroy(&f.pool);
}

static void receiving_gives_as_many_as_it_takes(void **state)
{
    struct fixture f;
    struct port_packet burst[PORT_BURST];
    uint32_t total = 0;

    (void)state;
    open_port(&f);
    for (unsigned round = 0; round < 50; round++) {
        uint32_t arrived = 0;
        unsigned count;

        while (arrived < round % (RX + 3) && kernel_receive(&f, 60 + arrived, 0)) {
            arrived++;
        }
        count = port_receive(&f.xdp.port, burst, PORT_BURST);
        assert_int_equal(count, arrived);
        assert_int_equal(f.pool.used[FRAME_BUDGET_RECEIVE], FILL + count);
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(burst[i].offset, 256);
            assert_int_equal(burst[i].length, 60 + i);
            assert_int_equal(frame_record(&f.pool, burst[i].frame)->fill_end, 316 + i);
            frame_drop(&f.pool, burst[i].frame, FRAME_WORKER);
        }
        assert_int_equal(f.shared[XSK_FILL].producer - f.shared[XSK_FILL].consumer, FILL);
        total += count;
    }
    assert_int_equal(f.xdp.port.counters.rx_packets, total);
    assert_int_equal(f.xdp.port.counters.rx_starved, 0);
    close_port(&f);
}

/* All other frames are taken: what is in RX stays there, and comes when a frame
 * is free again. */
static void starved_port_leaves_rx_alone(void **state)
{
    struct fixture f;
    struct port_packet burst[PORT_BURST];
    uint32_t hoard[FRAMES];
    uint32_t count = 0;

    (void)state;
    open_port(&f);
    while ((hoard[count] = frame_take(&f.pool, FRAME_BUDGET_RECEIVE, FRAME_APP)) != FRAME_NONE) {
        count++;
    }
    for (unsigned i = 0; i < 10; i++) {
        assert_true(kernel_receive(&f, 60, 0));
    }
    assert_int_equal(port_receive(&f.xdp.port, burst, PORT_BURST), 0);
    assert_int_equal(f.xdp.port.counters.rx_starved, 1);
    assert_int_equal(f.shared[XSK_RX].consumer, START);
    for (unsigned i = 0; i < 4; i++) {
        frame_drop(&f.pool, hoard[--count], FRAME_APP);
    }
    assert_int_equal(port_receive(&f.xdp.port, burst, PORT_BURST), 4);
    assert_int_equal(f.shared[XSK_RX].consumer, START + 4);
    for (unsigned i = 0; i < 4; i++) {
        frame_drop(&f.pool, burst[i].frame, FRAME_WORKER);
    }
    assert_int_equal(port_receive(&f.xdp.port, burst, PORT_BURST), 4);
    for (unsigned i = 0; i < 4; i++) {
        frame_drop(&f.pool, burst[i].frame, FRAME_WORKER);
    }
    while (count > 0) {
        frame_drop(&f.pool, hoard[--count], FRAME_APP);
    }
    assert_int_equal(port_receive(&f.xdp.port, burst, PORT_BURST), 2);
    frame_drop(&f.pool, burst[0].frame, FRAME_WORKER);
    frame_drop(&f.pool, burst[1].frame, FRAME_WORKER);
    close_port(&f);
}

static void packet_in_pieces_is_counted_and_dropped(void **state)
{
    struct fixture f;
    struct port_packet burst[PORT_BURST];

    (void)state;
    open_port(&f);
    assert_true(kernel_receive(&f, 60, 0));
    assert_true(kernel_receive(&f, 61, 1));
    assert_true(kernel_receive(&f, 62, 0));
    assert_int_equal(port_receive(&f.xdp.port, burst, PORT_BURST), 2);
    assert_int_equal(burst[0].length, 60);
    assert_int_equal(burst[1].length, 62);
    assert_int_equal(f.xdp.events[PORT_XDP_RX_MALFORMED], 1);
    frame_drop(&f.pool, burst[0].frame, FRAME_WORKER);
    frame_drop(&f.pool, burst[1].frame, FRAME_WORKER);
    close_port(&f);
}

static void sending_fills_the_ring_and_no_more(void **state)
{
    const struct answer stuck = {.errnum = EAGAIN};
    struct fixture f;
    const struct xdp_desc *first;

    (void)state;
    open_port(&f);
    f.script[0] = f.script[1] = stuck;
    f.script_length = 2;
    send_packets(&f, TX);
    assert_int_equal(f.xdp.port.tx_room, 0);
    assert_int_equal(f.kicks, 0); /* submitted by the full burst, not kicked */
    first = &f.shared[XSK_TX].packets[START & (TX - 1)];
    assert_int_equal(first->addr & 2047, 200);
    assert_int_equal(first->len, 60);
    port_flush(&f.xdp.port);
    assert_int_equal(f.xdp.port.tx_room, 0);
    assert_true(port_xdp_is_pending(&f.xdp));
    port_flush(&f.xdp.port);
    assert_int_equal(f.kicks, 2);
    assert_int_equal(f.xdp.events[PORT_XDP_KICK_FULL], 2);
    port_flush(&f.xdp.port); /* the kernel takes and completes all */
    assert_false(port_xdp_is_pending(&f.xdp));
    assert_int_equal(f.xdp.port.tx_room, TX);
    assert_int_equal(f.pool.used[FRAME_BUDGET_CONTROL], 0);
    port_flush(&f.xdp.port);
    assert_int_equal(f.kicks, 3); /* nothing to do, nothing done */
    close_port(&f);
}

/* Taken and not completed: no room, and reap alone frees it. */
static void completions_may_come_late(void **state)
{
    const struct answer takes = {.takes = 40};
    struct fixture f;
    struct shared *done;
    uint32_t frame;

    (void)state;
    open_port(&f);
    f.script[0] = takes;
    f.script_length = 1;
    frame = f.pool.free_head;
    send_packets(&f, 40);
    port_flush(&f.xdp.port);
    assert_int_equal(f.xdp.tx_in_flight, 40);
    assert_int_equal(f.xdp.port.tx_room, TX - 40);
    assert_true(frame_is_held_by(&f.pool, frame, FRAME_KERNEL_TX));
    done = &f.shared[XSK_COMPLETION];
    done->addresses[done->producer++ & (DONE - 1)] = (uint64_t)frame << 11; /* without offset */
    port_reap(&f.xdp.port);
    assert_false(frame_is_held_by(&f.pool, frame, FRAME_KERNEL_TX));
    assert_int_equal(f.xdp.port.tx_room, TX - 39);
    close_port(&f);
}

static void each_errno_has_its_row(void **state)
{
    static const struct {
        const char *name;
        struct answer answer;
        enum port_xdp_event event;
        unsigned kicks_in_flush;
        bool is_down;
    } cases[] = {
        {"budget spent", {20, true, EAGAIN}, PORT_XDP_KICK_AGAIN, 2, false},
        {"completed, nothing taken", {0, true, EAGAIN}, PORT_XDP_KICK_FULL, 1, false},
        {"no buffers", {0, false, ENOBUFS}, PORT_XDP_KICK_NOBUFS, 1, false},
        {"no memory", {0, false, ENOMEM}, PORT_XDP_KICK_NOBUFS, 1, false},
        {"dropped by the device", {1, true, EBUSY}, PORT_XDP_KICK_BUSY, 1, false},
        {"down", {0, false, ENETDOWN}, PORT_XDP_KICK_DOWN, 1, true},
        {"gone", {0, false, ENXIO}, PORT_XDP_KICK_DOWN, 1, true},
        {"interrupted", {0, false, EINTR}, PORT_XDP_KICK_AGAIN, 2, false},
        {"unknown", {0, false, EIO}, PORT_XDP_KICK_OTHER, 1, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        unsigned flushes = 1;

        open_port(&f);
        f.script[0] = cases[i].answer;
        f.script_length = 1;
        send_packets(&f, 30);
        port_flush(&f.xdp.port);
        if (f.kicks != cases[i].kicks_in_flush || f.xdp.events[cases[i].event] != 1 ||
            f.xdp.is_link_down != cases[i].is_down) {
            fail_msg("%s: %u kicks", cases[i].name, f.kicks);
        }
        while (f.xdp.tx_in_flight > 0 && flushes < 2000) {
            port_flush(&f.xdp.port);
            flushes++;
        }
        assert_int_equal(f.kicks, 2); /* in the end the rest goes, with one kick */
        assert_int_equal(f.xdp.port.counters.kicks, 2);
        assert_int_equal(flushes > 1000, cases[i].is_down); /* and not at each turn while down */
        assert_false(f.xdp.is_link_down);
        assert_int_equal(f.xdp.port.tx_room, TX);
        close_port(&f);
    }
}

/* A kernel that says AGAIN and moves one at a time is not asked for ever. */
static void kicks_are_bounded(void **state)
{
    const struct answer one = {.takes = 1, .completes = true, .errnum = EINTR};
    struct fixture f;

    (void)state;
    open_port(&f);
    for (unsigned i = 0; i < SCRIPT_MAX; i++) {
        f.script[i] = (struct answer){.errnum = EINTR};
    }
    f.script_length = SCRIPT_MAX;
    f.script[0] = one;
    send_packets(&f, 3);
    port_flush(&f.xdp.port);
    assert_int_equal(f.kicks, 64);
    close_port(&f);
}

/* Zero-copy: the flags say when to call, and only then are calls made. */
static void flags_decide_about_calls(void **state)
{
    struct fixture f;

    (void)state;
    open_port(&f);
    f.shared[XSK_TX].flags = 0;
    send_packets(&f, 3);
    port_flush(&f.xdp.port);
    assert_int_equal(f.kicks, 0);
    assert_int_equal(f.wakeups, 0);
    f.shared[XSK_FILL].flags = XDP_RING_NEED_WAKEUP;
    port_flush(&f.xdp.port);
    assert_int_equal(f.wakeups, 1);
    assert_int_equal(f.xdp.events[PORT_XDP_WAKEUPS], 1);
    kernel_take(&f, 3, true); /* the driver, by itself */
    f.shared[XSK_FILL].flags = 0;
    port_flush(&f.xdp.port);
    assert_int_equal(f.kicks, 0);
    assert_int_equal(f.wakeups, 1);
    assert_int_equal(f.xdp.port.tx_room, TX);
    close_port(&f);
}

static void events_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PORT_XDP_EVENT_COUNT; i++) {
        assert_non_null(port_xdp_event_names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_refuses_what_cannot_work),
        cmocka_unit_test(receiving_gives_as_many_as_it_takes),
        cmocka_unit_test(starved_port_leaves_rx_alone),
        cmocka_unit_test(packet_in_pieces_is_counted_and_dropped),
        cmocka_unit_test(sending_fills_the_ring_and_no_more),
        cmocka_unit_test(completions_may_come_late),
        cmocka_unit_test(each_errno_has_its_row),
        cmocka_unit_test(kicks_are_bounded),
        cmocka_unit_test(flags_decide_about_calls),
        cmocka_unit_test(events_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
