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

/* As many fields as are asked for, aligned by NOPs. */
static void counters_are_written(void **state)
{
    static const uint8_t wanted[] = {NOP, NOP, NOP, NOP, 172, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const struct {
        uint8_t fields;
        unsigned nops;
    } cases[] = {{1, 3}, {2, 0}, {3, 1}};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct tcp_options_out out = {.seen = TCP_OPT_ACCECN,
                                      .accecn_fields = cases[i].fields,
                                      .accecn = {0xff010203, 0x040506, 0x070809}};
        unsigned length = 2 + 3u * cases[i].fields + cases[i].nops;
        uint8_t bytes[TCP_OPTIONS_BYTES_MAX];

        assert_int_equal(tcp_options_bytes(&out), length);
        assert_int_equal(tcp_options_write(bytes, &out), length);
        assert_memory_equal(bytes, wanted + 4 - cases[i].nops, cases[i].nops + 1);
        assert_int_equal(bytes[cases[i].nops + 1], 2 + 3 * cases[i].fields);
        assert_memory_equal(bytes + cases[i].nops + 2, wanted + 6, 3u * cases[i].fields);
        out.accecn_order_1 = true;
        (void)tcp_options_write(bytes, &out);
        assert_int_equal(bytes[cases[i].nops], 174);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_of_marked_bytes),
        cmocka_unit_test(counters_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
