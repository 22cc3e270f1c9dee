/*
 * Goal:   fragments become the packet that they were (datapath/net/fragments.h), in whatever
 *         order they come, and nothing else does: not what overlaps, contradicts, is late or has
 *         no room; frames come home.
 * Method: pieces of a known message in both families, as tables; the whole is parsed like any
 *         other packet and compared byte by byte.
 */
#include "tests/unit/net_fixture.h"

#include "tests/unit/net_steps.h"

#include <netinet/in.h>
#include <stdlib.h>

#define L3 14u
#define MESSAGE_BYTES 4096u
#define ROOM (2048u - FRAME_TX_METADATA - FRAME_HEADROOM) /* of a frame */
#define PROTOCOL IPPROTO_UDP

/* One fragment: bytes [start, end) of the message. */
struct part {
    uint32_t start, end;
    bool more;
    uint32_t id;        /* more of it: 0 is 7 */
    uint8_t ecn;        /* of the IP header */
    uint8_t protocol;   /* 0: PROTOCOL */
    bool other_source;  /* than the peer */
    uint8_t other_byte; /* in place of the first */
};

static uint8_t message[MESSAGE_BYTES];

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    for (unsigned i = 0; i < MESSAGE_BYTES; i++) {
        message[i] = (uint8_t)(i * 0x9e3779b1u >> 24);
    }
    fixture_open(f);
    *state = f;
    return 0;
}

/* What is in the making ends with its time. */
static int end(void **state)
{
    struct fixture *f = *state;

    f->now_ns += 120 * NS_PER_S;
    net_tick(&f->net, f->now_ns);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], f->net.neighbours.queued_total);
    fixture_close(f);
    free(f);
    return 0;
}

static uint16_t put_v4(uint8_t *at, const struct part *part, const uint8_t *text)
{
    struct ipv4_spec spec = {
        .src = part->other_source ? "10.0.0.3" : NULL,
        .protocol = part->protocol ? part->protocol : PROTOCOL,
        .tos = (uint8_t)(0x10 | part->ecn),
        .fragment = (uint16_t)(part->start / 8 | (part->more ? 0x2000u : 0)),
    };
    uint16_t length = put_ipv4(at, &spec, text, part->end - part->start);

    put16(at + L3 + 4, part->id ? part->id : 7);
    put_ipv4_checksum(at + L3);
    return length;
}

static uint16_t put_v6(uint8_t *at, const struct part *part, const uint8_t *text)
{
    struct ip_addr src = addr_of(part->other_source ? "2001:db8::3" : "2001:db8::2");
    struct ip_addr dst = addr_of("2001:db8::1");
    uint8_t *l3 = at + put_ethernet(at, &our_mac, &peer_mac, 0x86dd);
    uint32_t bytes = part->end - part->start;

    memset(l3, 0, 48);
    l3[0] = 0x61; /* traffic class 0x10 and ECN */
    l3[1] = (uint8_t)(part->ecn << 4);
    put16(l3 + 4, 8 + bytes);
    l3[6] = IPPROTO_FRAGMENT;
    l3[7] = 63;
    memcpy(l3 + 8, src.bytes, 16);
    memcpy(l3 + 24, dst.bytes, 16);
    l3[40] = part->protocol ? part->protocol : PROTOCOL;
    put16(l3 + 42, part->start | part->more);
    put16(l3 + 46, part->id ? part->id : 7);
    memcpy(l3 + 48, text, bytes);
    return (uint16_t)(L3 + 48 + bytes);
}

/* As a worker does it. True when the packet is whole, which is so long then. */
static bool give(struct fixture *f, bool v6, const struct part *part, uint32_t *total, uint8_t *tos)
{
    uint8_t bytes[2048 + 64];
    uint8_t text[MESSAGE_BYTES] = {0};
    struct port_packet raw;
    struct packet packet;
    bool whole;

    *total = 0;
    *tos = 0;
    memcpy(text, message + part->start, part->end - part->start);
    text[0] = part->other_byte ? part->other_byte : text[0];
    raw = fixture_arrive(f, bytes, v6 ? put_v6(bytes, part, text) : put_v4(bytes, part, text));
    assert_int_equal(net_parse(&f->net, &raw, &packet), NET_FRAGMENT);
    whole = net_reassemble(&f->net, &packet, &raw, f->now_ns);
    if (whole) {
        assert_int_equal(net_parse(&f->net, &raw, &packet), NET_UDP);
        assert_memory_equal(frame_data(&f->pool, packet.frame) + packet.l4_offset, message,
                            packet.l4_length);
        assert_int_equal(packet.ttl, 63);
        assert_true(frame_record(&f->pool, raw.frame)->fill_end ==
                    packet.l4_offset + packet.l4_length);
        *total = packet.l4_length;
        *tos = packet.tos;
    }
    frame_drop(&f->pool, raw.frame, FRAME_WORKER);
    assert_true(frame_pool_check(&f->pool));
    return whole;
}

/* Whether the last of them makes it whole, and none before. */
static bool give_all(struct fixture *f, bool v6, const struct part *parts, unsigned count)
{
    uint32_t total;
    uint8_t tos;

    for (unsigned i = 0; i + 1 < count; i++) {
        assert_false(give(f, v6, &parts[i], &total, &tos));
    }
    if (!give(f, v6, &parts[count - 1], &total, &tos)) {
        return false;
    }
    assert_int_equal(tos, 0x10);
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 0);
    return true;
}

/* Shows: RFC 1122 3.3.2a; RFC 8200 4.5a. */
static void in_any_order(void **state)
{
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const struct part parts[] = {
        {.start = 0, .end = 8, .more = true},
        {.start = 8, .end = 1000, .more = true},
        {.start = 1000, .end = ROOM - 1},
    };
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2 * COUNT_OF(orders); i++) {
        const unsigned *order = orders[i / 2];
        struct part given[3] = {parts[order[0]], parts[order[1]], parts[order[2]]};

        assert_true(give_all(f, i % 2, given, 3));
    }
    assert_int_equal(f->net.counters.reassembled, 2 * COUNT_OF(orders));
}

/* What else is in the making has no part in it. */
static void packets_are_told_apart(void **state)
{
    static const struct part beside[] = {
        {.start = 0, .end = 800, .more = true, .id = 8},
        {.start = 0, .end = 800, .more = true, .other_source = true},
        {.start = 0, .end = 800, .more = true, .protocol = IPPROTO_TCP},
    };
    static const struct part parts[] = {{.start = 0, .end = 800, .more = true},
                                        {.start = 800, .end = 900}};
    struct fixture *f = *state;

    for (unsigned i = 0; i < 4; i++) {
        uint32_t total;
        uint8_t tos;

        if (i < 3) {
            assert_false(give(f, false, &beside[i], &total, &tos));
            assert_false(give(f, true, &beside[i % 2], &total, &tos)); /* has no protocol there */
        }
        assert_false(give(f, i % 2, &parts[0], &total, &tos));
        assert_true(give(f, i % 2, &parts[1], &total, &tos));
        assert_int_equal(total, 900);
    }
    assert_int_equal(f->net.counters.drop_fragment, 0);
}

static void a_repetition_does_no_harm(void **state)
{
    static const struct part parts[] = {
        {.start = 800, .end = 901},
        {.start = 800, .end = 901},
        {.start = 0, .end = 400, .more = true},
        {.start = 0, .end = 400, .more = true},
        {.start = 8, .end = 104, .more = true}, /* cut again on its way */
        {.start = 400, .end = 800, .more = true},
    };
    struct fixture *f = *state;

    assert_true(give_all(f, false, parts, COUNT_OF(parts)));
    assert_true(give_all(f, true, parts, COUNT_OF(parts)));
    assert_int_equal(f->net.counters.drop_fragment, 0);
}

/* RFC 5722: then nothing of the packet is taken, not even what comes later. */
static void what_contradicts_is_dropped(void **state)
{
    static const struct {
        const char *name;
        struct part first, second;
    } cases[] = {
        {"overlap", {.start = 0, .end = 400, .more = true}, {.start = 392, .end = 800}},
        {"overlap from below", {.start = 392, .end = 800}, {.start = 0, .end = 400, .more = true}},
        {"around it", {.start = 80, .end = 160, .more = true}, {.start = 0, .end = 800}},
        {"other bytes",
         {.start = 0, .end = 400, .more = true},
         {.start = 0, .end = 400, .more = true, .other_byte = 1}},
        {"two ends", {.start = 400, .end = 800}, {.start = 800, .end = 900}},
        {"two ends, the nearer one later", {.start = 800, .end = 900}, {.start = 400, .end = 500}},
        {"behind the end", {.start = 400, .end = 800}, {.start = 800, .end = 808, .more = true}},
        {"up to the end", {.start = 400, .end = 800}, {.start = 0, .end = 800, .more = true}},
        {"an end below", {.start = 400, .end = 800, .more = true}, {.start = 0, .end = 400}},
    };
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2 * COUNT_OF(cases); i++) {
        struct part parts[] = {cases[i / 2].first,
                               cases[i / 2].second,
                               {.start = 0, .end = 400, .more = true},
                               {.start = 400, .end = 800}};

        print_message("  %s\n", cases[i / 2].name);
        for (unsigned n = 0; n < COUNT_OF(parts); n++) {
            parts[n].id = 100 + i;
        }
        if (parts[1].start == 0 && !parts[1].more) {
            parts[1].start = 8; /* alone it would be whole */
        }
        f->net.counters = (struct net_counters){0};
        assert_false(give_all(f, i % 2, parts, COUNT_OF(parts)));
        assert_int_equal(f->net.counters.drop_fragment, 3);
        assert_int_equal(f->net.counters.reassembly_failed, 1);
        assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 0);
    }
}

static void what_is_malformed_is_dropped(void **state)
{
    static const struct {
        const char *name;
        struct part part;
        bool v6, not_v4;
    } cases[] = {
        {"no multiple of 8", {.start = 0, .end = 401, .more = true}, true, false},
        {"empty", {.start = 8, .end = 8}, true, false},
        {"beyond a frame", {.start = 1800, .end = ROOM + 1}, true, false},
        {"far beyond", {.start = 4000, .end = 4096, .more = true}, true, false},
        {"a fragment inside", {.start = 8, .end = 16, .protocol = IPPROTO_FRAGMENT}, true, true},
        {"whole, of that protocol",
         {.start = 0, .end = 16, .protocol = IPPROTO_FRAGMENT},
         false,
         false},
    };
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2 * COUNT_OF(cases); i++) {
        uint32_t total;
        uint8_t tos;

        if (i % 2 ? !cases[i / 2].v6 : cases[i / 2].not_v4) {
            continue;
        }
        print_message("  %s\n", cases[i / 2].name);
        assert_false(give(f, i % 2, &cases[i / 2].part, &total, &tos));
        expect_counter(f, COUNTER(drop_fragment), cases[i / 2].name);
        assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 0);
    }
}

/* RFC 6946: such a packet was never cut, whatever fragments have its name. */
static void a_fragment_that_is_whole(void **state)
{
    static const struct part part = {.start = 0, .end = 401};
    static const struct part beside = {.start = 8, .end = 16, .more = true};
    struct fixture *f = *state;
    uint32_t total;
    uint8_t tos;

    assert_false(give(f, true, &beside, &total, &tos));
    assert_true(give(f, true, &part, &total, &tos));
    assert_int_equal(total, 401);
    assert_int_equal(f->net.counters.drop_fragment, 0);
}

/* The source is told, if the first fragment has come: of what else could it be told.
 * Shows: RFC 1122 3.3.2b. */
static void the_rest_is_waited_for_a_minute(void **state)
{
    static const struct part first = {.start = 0, .end = 400, .more = true};
    static const struct part second = {.start = 400, .end = 800};
    struct fixture *f = *state;

    assert_int_equal(net_neighbour_set(&f->net,
                                       &(struct ip_addr){.bytes = {[10] = 255, 255, 10, 0, 0, 2}},
                                       &peer_mac),
                     0);
    for (unsigned i = 0; i < 4; i++) {
        const struct part *part = i / 2 ? &second : &first;
        const uint8_t *icmp = f->sent[0].bytes + L3 + 20;
        uint32_t total;
        uint8_t tos;

        f->sent_count = 0;
        f->net.counters.reassembly_failed = 0;
        assert_false(give(f, i % 2, part, &total, &tos));
        assert_int_equal(net_next_deadline(&f->net), f->now_ns + 60 * NS_PER_S);
        f->now_ns += 60 * NS_PER_S - 1;
        net_tick(&f->net, f->now_ns);
        assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 1);
        f->now_ns += 1;
        net_tick(&f->net, f->now_ns);
        port_flush(&f->port);
        assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], 0);
        assert_int_equal(f->net.counters.reassembly_failed, 1);
        assert_int_equal(f->sent_count, i == 0 ? 1 : 0);
        if (i == 0) {
            assert_int_equal(icmp[0], 11);
            assert_int_equal(icmp[1], 1);
            assert_int_equal(wire_checksum(icmp, 8 + 20 + 8), 0);
            assert_int_equal(icmp[8], 0x45);
            assert_memory_equal(icmp + 8 + 20, message, 8);
        }
    }
    assert_int_equal(net_next_deadline(&f->net), UINT64_MAX);
}

/* The oldest makes room. */
static void the_table_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct part part = {.start = 0, .end = 400, .more = true};
    uint32_t total;
    uint8_t tos;

    for (uint32_t i = 1; i <= FRAGMENTS_PLACES + 1; i++) {
        part.id = i;
        assert_false(give(f, false, &part, &total, &tos));
        f->now_ns += NS_PER_MS;
    }
    assert_int_equal(f->pool.used[FRAME_BUDGET_DATA], FRAGMENTS_PLACES);
    assert_int_equal(f->net.counters.reassembly_failed, 1);
    part = (struct part){.start = 400, .end = 800, .id = 2};
    assert_true(give(f, false, &part, &total, &tos));
    part.id = 1;
    assert_false(give(f, false, &part, &total, &tos));
}

static void frames_may_be_short(void **state)
{
    static const struct part part = {.start = 0, .end = 400, .more = true};
    struct fixture *f = *state;
    uint32_t taken[FIXTURE_FRAMES];
    unsigned count = 0;
    uint32_t total;
    uint8_t tos;

    while (frame_pool_data_free(&f->pool) > 0) {
        taken[count++] = frame_take(&f->pool, FRAME_BUDGET_DATA, FRAME_APP);
    }
    assert_false(give(f, false, &part, &total, &tos));
    expect_counter(f, COUNTER(drop_fragment), "no frame");
    while (count > 0) {
        frame_drop(&f->pool, taken[--count], FRAME_APP);
    }
}

/* Shows: RFC 3168 5.3a, 5.3b. */
static void congestion_of_one_is_of_all(void **state)
{
    enum { NOT_ECT, ECT_1, ECT_0, CE };
    static const struct {
        uint8_t ecn[3];
        int whole; /* -1: dropped */
    } cases[] = {
        {{ECT_0, ECT_0, ECT_0}, ECT_0},
        {{CE, ECT_0, ECT_0}, CE},
        {{ECT_0, ECT_0, CE}, CE},
        {{ECT_1, CE, ECT_1}, CE},
        {{CE, CE, CE}, CE},
        {{NOT_ECT, ECT_0, CE}, -1},
        {{CE, NOT_ECT, NOT_ECT}, -1},
        {{ECT_1, ECT_1, ECT_1}, ECT_1},
        {{NOT_ECT, NOT_ECT, NOT_ECT}, NOT_ECT},
    };
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2 * COUNT_OF(cases); i++) {
        bool whole = false;
        uint32_t total;
        uint8_t tos;

        for (unsigned n = 0; n < 3; n++) {
            struct part part = {.start = n * 80,
                                .end = (n + 1) * 80,
                                .more = n < 2,
                                .id = 100 + i,
                                .ecn = cases[i / 2].ecn[n]};

            whole = give(f, i % 2, &part, &total, &tos);
        }
        assert_int_equal(whole, cases[i / 2].whole >= 0);
        if (whole) {
            assert_int_equal(tos & 3, cases[i / 2].whole);
        }
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(in_any_order),
        CASE(packets_are_told_apart),
        CASE(a_repetition_does_no_harm),
        CASE(what_contradicts_is_dropped),
        CASE(what_is_malformed_is_dropped),
        CASE(a_fragment_that_is_whole),
        CASE(the_rest_is_waited_for_a_minute),
        CASE(the_table_is_bounded),
        CASE(frames_may_be_short),
        CASE(congestion_of_one_is_of_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
