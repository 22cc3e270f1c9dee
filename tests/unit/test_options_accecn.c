/*
 * Goal:   the option of accurate ECN is read in both orders and any length, and written in the
 *         length that is asked for (RFC 9768 section 3.2.3).
 * Method: bytes as tables.
 */
#include "tcp/options.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/options_fixture.h"

#define NOP 1
#define MSS_1460 2, 4, 0x05, 0xb4
#define WSCALE_7 3, 3, 7
#define SACK_PERMITTED 4, 2
#define TIMESTAMPS 8, 10, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88
#define SACK_BLOCK 5, 10, 0, 0, 0, 1, 0, 0, 0, 2
#define COOKIE 34, 6, 9, 8, 7, 6

/* RFC 9768 section 3.2.3: either order, and any number of fields.
 * Shows: RFC 9768 3.2.3b, 3.2.3e, 3.2.3.2.1a. */
static void counters_of_marked_bytes(void **state)
{
    static const struct {
        const char *name;
        uint8_t length;
        uint8_t bytes[12];
        bool has_ceb;
        uint32_t ceb;
    } cases[] = {
        {"order 0, empty", 2, {172, 2}, false, 0},
        {"one field", 5, {172, 5, 1, 2, 3}, false, 0},
        {"two fields", 8, {172, 8, 1, 2, 3, 4, 5, 6}, true, 0x040506},
        {"three fields", 11, {172, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9}, true, 0x040506},
        {"order 1", 11, {174, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9}, true, 0x040506},
        {"two fields and a rest", 10, {174, 10, 1, 2, 3, 4, 5, 6, 7, 8}, true, 0x040506},
        {"one field and a rest", 7, {174, 7, 1, 2, 3, 4, 5}, false, 0},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_segment ack = parse(cases[i].bytes, cases[i].length, TCP_ACK);
        struct tcp_segment syn = parse(cases[i].bytes, cases[i].length, TCP_SYN);

        print_message("  %s\n", cases[i].name);
        assert_int_equal(ack.options_seen, TCP_OPT_ACCECN);
        assert_int_equal(ack.accecn_has_ceb, cases[i].has_ceb);
        assert_true(!cases[i].has_ceb || ack.accecn_ceb == cases[i].ceb);
        assert_int_equal(syn.options_seen, 0);
    }
}

static const struct {
    const char *name;
    unsigned with;
    uint8_t fields;
    uint8_t length;
    uint8_t bytes[TCP_OPTIONS_BYTES_MAX];
} written[] = {
    {"one counter", 0, 1, 8, {172, 5, 1, 2, 3, NOP, NOP, NOP}},
    {"two", 0, 2, 8, {172, 8, 1, 2, 3, 4, 5, 6}},
    {"three", 0, 3, 12, {172, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, NOP}},
    {"SYN-ACK",
     TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS | TCP_OPT_WSCALE,
     1,
     24,
     {MSS_1460, SACK_PERMITTED, TIMESTAMPS, 172, 5, 1, 2, 3, WSCALE_7}},
    {"SYN-ACK with Fast Open",
     TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS | TCP_OPT_WSCALE | TCP_OPT_FAST_OPEN,
     1,
     32,
     {MSS_1460, SACK_PERMITTED, TIMESTAMPS, 172, 5, 1, 2, 3, WSCALE_7, COOKIE, NOP, NOP}},
    {"without scale, a cookie begins with no NOP",
     TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS | TCP_OPT_FAST_OPEN,
     1,
     32,
     {MSS_1460, SACK_PERMITTED, TIMESTAMPS, 172, 5, 1, 2, 3, NOP, NOP, NOP, COOKIE, NOP, NOP}},
    {"without SACK",
     TCP_OPT_MSS | TCP_OPT_TIMESTAMPS | TCP_OPT_WSCALE,
     1,
     24,
     {MSS_1460, NOP, NOP, TIMESTAMPS, 172, 5, 1, 2, 3, WSCALE_7}},
    {"without timestamps",
     TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED | TCP_OPT_WSCALE,
     1,
     16,
     {MSS_1460, 172, 5, 1, 2, 3, NOP, SACK_PERMITTED, NOP, WSCALE_7}},
    {"nor scale",
     TCP_OPT_MSS | TCP_OPT_SACK_PERMITTED,
     1,
     12,
     {MSS_1460, 172, 5, 1, 2, 3, NOP, SACK_PERMITTED}},
    {"ACK", TCP_OPT_TIMESTAMPS, 1, 20, {NOP, NOP, TIMESTAMPS, 172, 5, 1, 2, 3, NOP, NOP, NOP}},
    {"ACK with a hole",
     TCP_OPT_TIMESTAMPS | TCP_OPT_SACK,
     1,
     28,
     {NOP, NOP, TIMESTAMPS, 172, 5, 1, 2, 3, NOP, SACK_BLOCK}},
    {"two counters and a hole",
     TCP_OPT_SACK,
     2,
     20,
     {172, 8, 1, 2, 3, 4, 5, 6, NOP, NOP, SACK_BLOCK}},
    {"three and a hole",
     TCP_OPT_TIMESTAMPS | TCP_OPT_SACK,
     3,
     36,
     {NOP, NOP, TIMESTAMPS, 172, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, NOP, NOP, NOP, SACK_BLOCK}},
};

/* As many counters as are asked for, behind the timestamps; NOPs align what follows, unless the
 * one that it begins with can give its place. */
static void written_as_linux_does(void **state)
{
    static const uint8_t cookie[] = {9, 8, 7, 6};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(written); i++) {
        struct tcp_options_out out = {.seen = (uint8_t)(TCP_OPT_ACCECN | written[i].with),
                                      .mss = 1460,
                                      .wscale = 7,
                                      .ts_val = 0x11223344,
                                      .ts_ecr = 0x55667788,
                                      .fast_open = cookie,
                                      .fast_open_length = sizeof cookie,
                                      .sack_count = 1,
                                      .sack = {{1, 2}},
                                      .accecn_fields = written[i].fields,
                                      .accecn = {0xff010203, 0x040506, 0x070809}};
        uint8_t bytes[TCP_OPTIONS_BYTES_MAX + 1];
        struct tcp_segment seg;

        print_message("  %s\n", written[i].name);
        memset(bytes, 0xee, sizeof bytes);
        assert_int_equal(tcp_options_bytes(&out), written[i].length);
        assert_int_equal(tcp_options_write(bytes, &out), written[i].length);
        assert_int_equal(bytes[written[i].length], 0xee);
        assert_memory_equal(bytes, written[i].bytes, written[i].length);
        seg = parse(bytes, written[i].length, out.seen & TCP_OPT_MSS ? TCP_SYN | TCP_ACK : TCP_ACK);
        assert_int_equal(seg.options_seen, out.seen);
    }
}

/* Their order says which of the two kinds it is. */
static void either_order_is_written(void **state)
{
    struct tcp_options_out out = {.seen = TCP_OPT_ACCECN, .accecn_fields = 1};
    uint8_t bytes[TCP_OPTIONS_BYTES_MAX];

    (void)state;
    (void)tcp_options_write(bytes, &out);
    assert_int_equal(bytes[0], 172);
    out.accecn_order_1 = true;
    (void)tcp_options_write(bytes, &out);
    assert_int_equal(bytes[0], 174);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_of_marked_bytes),
        cmocka_unit_test(written_as_linux_does),
        cmocka_unit_test(either_order_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
