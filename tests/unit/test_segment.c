/*
 * Goal:   a segment is read field by field from any place in a frame, and refused
 *         when it is too short, its data offset lies, a port is 0 or any bit of it,
 *         or of the addresses, is not what was summed.
 * Method: segments of both families, put together and summed byte by byte here;
 *         every length, every data offset, every single bit turned.
 */
#include "tcp/segment.h"

#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "tcp/limits.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/net_packets.h"

#define CHUNK_BYTES 2048u
#define PAYLOAD_MAX 1460u

struct bench {
    struct frame_pool pool;
    struct packet packet;
    uint8_t *header;
};

struct shape {
    bool v6;
    uint16_t offset;  /* of the header in the chunk */
    unsigned options; /* bytes */
    unsigned payload; /* bytes */
};

static void open_bench(struct bench *bench)
{
    const struct frame_pool_config config = {
        .first = 5, .count = 2, .chunk_bytes = CHUNK_BYTES, .floor = {1, 0, 0}};

    assert_int_equal(wire_pool_create(&bench->pool, &config), 0);
}

static void close_bench(struct bench *bench)
{
    wire_pool_destroy(&bench->pool);
}

/* RFC 9293 section 3.1: over the pseudo header too, which differs by family. */
static uint16_t sum_here(const struct packet *packet, const uint8_t *segment)
{
    static uint8_t bytes[40 + CHUNK_BYTES];
    unsigned at = 0;

    memset(bytes, 0, sizeof bytes);
    if (packet->flags & PACKET_V6) {
        memcpy(bytes, packet->src.bytes, 16);
        memcpy(bytes + 16, packet->dst.bytes, 16);
        put16(bytes + 34, packet->l4_length);
        bytes[39] = IPPROTO_TCP;
        at = 40;
    } else {
        memcpy(bytes, packet->src.bytes + 12, 4);
        memcpy(bytes + 4, packet->dst.bytes + 12, 4);
        bytes[9] = IPPROTO_TCP;
        put16(bytes + 10, packet->l4_length);
        at = 12;
    }
    memcpy(bytes + at, segment, packet->l4_length);
    return wire_checksum(bytes, at + packet->l4_length);
}

static void sum_again(struct bench *bench)
{
    put16(bench->header + 16, 0);
    put16(bench->header + 16, sum_here(&bench->packet, bench->header));
}

/* From port 40000 to port 7, everything told apart; options are NOPs. */
static void build(struct bench *bench, const struct shape *shape)
{
    static const uint8_t header[TCP_HEADER_BYTES] = {
        0x9c, 0x40, 0x00, 0x07, 0xfe, 0xdc, 0xba, 0x98, 0x89, 0xab,
        0xcd, 0xef, 0x50, 0x10, 0xab, 0xcd, 0x00, 0x00, 0x12, 0x34,
    };

    bench->packet = (struct packet){
        .frame = 6,
        .l4_offset = shape->offset,
        .l4_length = (uint16_t)(TCP_HEADER_BYTES + shape->options + shape->payload),
        .protocol = IPPROTO_TCP,
        .tos = 0x2e,
        .flags = shape->v6 ? PACKET_V6 : 0,
        .src = addr_of(shape->v6 ? "2001:db8::2" : "10.0.0.2"),
        .dst = addr_of(shape->v6 ? "2001:db8::1" : "10.0.0.1"),
    };
    memset(frame_data(&bench->pool, 6), 0xee, CHUNK_BYTES);
    bench->header = frame_data(&bench->pool, 6) + shape->offset;
    memcpy(bench->header, header, sizeof header);
    bench->header[12] = (uint8_t)((5 + shape->options / 4) << 4);
    memset(bench->header + TCP_HEADER_BYTES, 1, shape->options);
    for (unsigned i = 0; i < shape->payload; i++) {
        bench->header[TCP_HEADER_BYTES + shape->options + i] = (uint8_t)(i * 7 + 3);
    }
    sum_again(bench);
}

static int parse(const struct bench *bench, struct tcp_segment *seg, struct tcp_tuple *tuple)
{
    memset(seg, 0xee, sizeof *seg);
    memset(tuple, 0xee, sizeof *tuple);
    return tcp_segment_parse(&bench->pool, &bench->packet, true, seg, tuple);
}

static const struct shape shapes[] = {
    {false, 34, 0, 0},    {false, 34, 12, 1}, {false, 34, 40, PAYLOAD_MAX},
    {false, 35, 20, 77},  {true, 54, 0, 0},   {true, 54, 12, 1},
    {true, 55, 40, 1440}, {false, 0, 4, 2},   {true, CHUNK_BYTES - 84, 40, 24},
};

/* Shows: RFC 9293 MUST-1. */
static void every_field(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench);
    for (unsigned i = 0; i < COUNT_OF(shapes); i++) {
        struct tcp_segment seg;
        struct tcp_tuple tuple;
        unsigned header_bytes = TCP_HEADER_BYTES + shapes[i].options;

        build(&bench, &shapes[i]);
        assert_int_equal(parse(&bench, &seg, &tuple), 0);
        assert_int_equal(seg.seq, 0xfedcba98);
        assert_int_equal(seg.ack, 0x89abcdef);
        assert_int_equal(seg.flags, TCP_ACK);
        assert_int_equal(seg.window, 0xabcd);
        assert_int_equal(seg.urgent, 0x1234);
        assert_int_equal(seg.tos, 0x2e);
        assert_int_equal(seg.options_seen, 0);
        assert_int_equal(seg.sack_count, 0);
        assert_int_equal(seg.payload.frame, 6);
        assert_int_equal(seg.payload.offset, shapes[i].offset + header_bytes);
        assert_int_equal(seg.payload.length, shapes[i].payload);
        assert_int_equal((uint16_t)~seg.payload.sum,
                         (uint16_t)__builtin_bswap16(
                             wire_checksum(bench.header + header_bytes, shapes[i].payload)));
        assert_true(ip_addr_equal(&tuple.local, &bench.packet.dst));
        assert_true(ip_addr_equal(&tuple.remote, &bench.packet.src));
        assert_int_equal(tuple.local_port, 7);
        assert_int_equal(tuple.remote_port, 40000);
        assert_int_equal(tuple.zero, 0); /* it is hashed whole */
    }
    close_bench(&bench);
}

static void each_flag(void **state)
{
    static const uint16_t flags[] = {TCP_FIN, TCP_SYN, TCP_RST, TCP_PSH, TCP_ACK,
                                     TCP_URG, TCP_ECE, TCP_CWR, TCP_AE};
    static const struct shape shape = {false, 34, 0, 5};
    struct bench bench;

    (void)state;
    open_bench(&bench);
    for (unsigned bit = 0; bit < 12; bit++) { /* three are reserved: ignored */
        struct tcp_segment seg;
        struct tcp_tuple tuple;
        uint16_t expected = bit < COUNT_OF(flags) ? flags[bit] : 0;

        build(&bench, &shape);
        put16(bench.header + 12, 0x5000u | 1u << bit);
        sum_again(&bench);
        assert_int_equal(parse(&bench, &seg, &tuple), 0);
        assert_int_equal(seg.flags, expected);
        assert_int_equal(tcp_segment_length(&seg),
                         5 + (expected == TCP_SYN || expected == TCP_FIN));
    }
    close_bench(&bench);
}

static void syn_and_fin_count(void **state)
{
    struct tcp_segment seg = {.flags = TCP_SYN | TCP_FIN | TCP_ACK, .payload.length = UINT16_MAX};

    (void)state;
    assert_int_equal(tcp_segment_length(&seg), UINT16_MAX + 2u);
    seg.flags = TCP_ACK | TCP_PSH | TCP_RST;
    assert_int_equal(tcp_segment_length(&seg), UINT16_MAX);
}

static void options_are_read(void **state)
{
    static const uint8_t options[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2,
                                      3, 4, 0,    0,    0, 9, 1, 3,  3, 7};
    static const struct shape shape = {true, 54, sizeof options, 3};
    struct bench bench;
    struct tcp_segment seg;
    struct tcp_tuple tuple;

    (void)state;
    open_bench(&bench);
    build(&bench, &shape);
    memcpy(bench.header + TCP_HEADER_BYTES, options, sizeof options);
    bench.header[13] = TCP_SYN;
    sum_again(&bench);
    assert_int_equal(parse(&bench, &seg, &tuple), 0);
    assert_int_equal(seg.options_seen,
                     TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS);
    assert_int_equal(seg.mss, 1460);
    assert_int_equal(seg.wscale, 7);
    assert_int_equal(seg.ts_val, 0x01020304);
    assert_int_equal(seg.ts_ecr, 9);
    close_bench(&bench);
}

/* Every length from nothing against every data offset. The sum is right for the
 * length each time, so that only these two can be the reason. */
static void every_length_and_offset(void **state)
{
    static const struct shape shape = {false, 34, 40, 20};
    struct bench bench;

    (void)state;
    open_bench(&bench);
    for (unsigned length = 0; length <= 80; length++) {
        for (unsigned words = 0; words < 16; words++) {
            struct tcp_segment seg;
            struct tcp_tuple tuple;
            int expected = words < 5 || 4 * words > length ? TCP_DROP_OFFSET : 0;

            build(&bench, &shape);
            bench.packet.l4_length = (uint16_t)length;
            bench.header[12] = (uint8_t)(words << 4);
            if (length >= TCP_HEADER_BYTES) {
                sum_again(&bench);
            } else {
                expected = TCP_DROP_SHORT;
            }
            assert_int_equal(parse(&bench, &seg, &tuple), expected);
            if (expected == 0) {
                assert_int_equal(seg.payload.length, length - 4 * words);
                assert_int_equal(seg.payload.offset, 34 + 4 * words);
            }
        }
    }
    close_bench(&bench);
}

static void no_port_0(void **state)
{
    static const struct shape shape = {false, 34, 0, 0};
    struct bench bench;

    (void)state;
    open_bench(&bench);
    for (unsigned side = 0; side < 2; side++) {
        struct tcp_segment seg;
        struct tcp_tuple tuple;

        build(&bench, &shape);
        put16(bench.header + 2 * (size_t)side, 0);
        sum_again(&bench);
        assert_int_equal(parse(&bench, &seg, &tuple), TCP_DROP_PORT);
    }
    close_bench(&bench);
}

static void every_payload_length(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench);
    for (unsigned length = 0; length <= PAYLOAD_MAX; length++) {
        const struct shape shape = {length % 3 == 0, (uint16_t)(34 + length % 2), 12, length};
        struct tcp_segment seg;
        struct tcp_tuple tuple;

        build(&bench, &shape);
        assert_int_equal(parse(&bench, &seg, &tuple), 0);
        bench.header[16]++;
        assert_int_equal(parse(&bench, &seg, &tuple), TCP_DROP_CHECKSUM);
    }
    close_bench(&bench);
}

/* A turned bit is never taken; the ones that make the segment refusable before its
 * sum is looked at are refused all the same.
 * Shows: RFC 9293 MUST-3; RFC 8200 8.1a. */
static void every_bit_is_summed(void **state)
{
    static const struct shape few[] = {{false, 34, 12, 33}, {true, 54, 0, 8}};
    struct bench bench;

    (void)state;
    open_bench(&bench);
    for (unsigned i = 0; i < COUNT_OF(few); i++) {
        struct tcp_segment seg;
        struct tcp_tuple tuple;

        build(&bench, &few[i]);
        for (unsigned bit = 0; bit < 8u * bench.packet.l4_length; bit++) {
            int result;

            bench.header[bit / 8] = (uint8_t)(bench.header[bit / 8] ^ 1u << bit % 8);
            result = parse(&bench, &seg, &tuple);
            assert_true(result == TCP_DROP_CHECKSUM || (bit / 8 == 12 && result < 0));
            bench.header[bit / 8] = (uint8_t)(bench.header[bit / 8] ^ 1u << bit % 8);
        }
        for (unsigned bit = 0; bit < 32; bit++) { /* the pseudo header: both addresses */
            uint8_t *byte = &bench.packet.src.bytes[12 + bit / 8];

            *byte = (uint8_t)(*byte ^ 1u << bit % 8);
            assert_int_equal(parse(&bench, &seg, &tuple), TCP_DROP_CHECKSUM);
            *byte = (uint8_t)(*byte ^ 1u << bit % 8);
            byte = &bench.packet.dst.bytes[12 + bit / 8];
            *byte = (uint8_t)(*byte ^ 1u << bit % 8);
            assert_int_equal(parse(&bench, &seg, &tuple), TCP_DROP_CHECKSUM);
            *byte = (uint8_t)(*byte ^ 1u << bit % 8);
        }
        assert_int_equal(parse(&bench, &seg, &tuple), 0);
    }
    close_bench(&bench);
}

/* Zero has two forms in ones' complement; a sender may write either. */
static void either_zero_will_do(void **state)
{
    static const struct shape shape = {false, 34, 0, 4};
    struct bench bench;
    struct tcp_segment seg;
    struct tcp_tuple tuple;

    (void)state;
    open_bench(&bench);
    build(&bench, &shape);
    put16(bench.header + TCP_HEADER_BYTES, 0);
    put16(bench.header + 16, 0);
    /* The first word makes the rest sum to 0xffff, so that the field is zero. */
    put16(bench.header + TCP_HEADER_BYTES, sum_here(&bench.packet, bench.header));
    assert_int_equal(sum_here(&bench.packet, bench.header), 0);
    assert_int_equal(parse(&bench, &seg, &tuple), 0);
    put16(bench.header + 16, 0xffff);
    assert_int_equal(parse(&bench, &seg, &tuple), 0);
    put16(bench.header + 16, 1);
    assert_int_equal(parse(&bench, &seg, &tuple), TCP_DROP_CHECKSUM);
    close_bench(&bench);
}

/* Where somebody else has verified, the sum is not looked at. */
static void unverified_is_not_summed(void **state)
{
    static const struct shape shape = {false, 34, 0, 10};
    struct bench bench;
    struct tcp_segment seg;
    struct tcp_tuple tuple;

    (void)state;
    open_bench(&bench);
    build(&bench, &shape);
    bench.header[17]++;
    assert_int_equal(tcp_segment_parse(&bench.pool, &bench.packet, false, &seg, &tuple), 0);
    assert_int_equal(seg.payload.sum, 0);
    assert_int_equal(seg.payload.length, 10);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field),
        cmocka_unit_test(each_flag),
        cmocka_unit_test(syn_and_fin_count),
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(every_length_and_offset),
        cmocka_unit_test(no_port_0),
        cmocka_unit_test(every_payload_length),
        cmocka_unit_test(every_bit_is_summed),
        cmocka_unit_test(either_zero_will_do),
        cmocka_unit_test(unverified_is_not_summed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
