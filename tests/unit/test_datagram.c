/*
 * Goal:   reflector takes what is a whole datagram for it and nothing else, sends it back
 *         to where it came from, and notices a byte that is not what was sent.
 * Method: one good packet as bytes, and a table of what is changed in it.
 */
#include "bench/reflector/datagram.h"
#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* To 10.0.0.1, port 7, from 10.0.0.2, port 9; four bytes of payload, two of padding. */
static const uint8_t good[] = {
    2,  0, 0, 0,  0, 1,  2,  0, 0,   0,   0,   2,   8,  0,                    /* Ethernet */
    69, 0, 0, 32, 0, 0,  64, 0, 64,  17,  38,  203, 10, 0, 0, 2, 10, 0, 0, 1, /* IPv4 */
    0,  9, 0, 7,  0, 12, 0,  0, 'a', 'b', 'c', 'd', 0,  0,                    /* UDP */
};

static void takes_what_is_its_own(void **state)
{
    static const struct {
        const char *name;
        unsigned at;
        uint8_t value;
        unsigned length;
        int bytes;
    } cases[] = {
        {"as it is", 0, 2, sizeof good, 4},
        {"without padding", 0, 2, sizeof good - 2, 4},
        {"without payload", 39, 8, sizeof good, -1}, /* IP says that there is more */
        {"DF or not", 20, 0, sizeof good, 4},
        {"cut short", 0, 2, sizeof good - 3, -1},
        {"no room for the headers", 0, 2, DATAGRAM_HEADER_BYTES - 1, -1},
        {"to a group", 0, 3, sizeof good, -1},
        {"another ethertype", 13, 6, sizeof good, -1},
        {"IP options", 14, 0x46, sizeof good, -1},
        {"more fragments", 20, 0x20, sizeof good, -1},
        {"a later fragment", 21, 1, sizeof good, -1},
        {"TCP", 23, 6, sizeof good, -1},
        {"to another port", 37, 8, sizeof good, -1},
        {"UDP shorter than its header", 39, 7, sizeof good, -1},
        {"UDP longer than IP", 39, 13, sizeof good, -1},
        {"IP shorter than UDP", 17, 31, sizeof good, -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t packet[sizeof good];

        print_message("  %s\n", cases[i].name);
        memcpy(packet, good, sizeof good);
        packet[cases[i].at] = cases[i].value;
        assert_int_equal(datagram_payload_bytes(packet, cases[i].length, 7), cases[i].bytes);
    }
}

static void turns_back(void **state)
{
    static const uint8_t back[] = {
        2,  0, 0, 0,  0, 2,  2,  0, 0,   0,   0,   1,   8,  0,                    /* Ethernet */
        69, 0, 0, 32, 0, 0,  64, 0, 64,  17,  38,  203, 10, 0, 0, 1, 10, 0, 0, 2, /* IPv4 */
        0,  7, 0, 9,  0, 12, 0,  0, 'a', 'b', 'c', 'd', 0,  0,                    /* UDP */
    };
    uint8_t packet[sizeof good];

    (void)state;
    memcpy(packet, good, sizeof good);
    datagram_turn_back(packet);
    assert_memory_equal(packet, back, sizeof back);
}

static void udp_header(void **state)
{
    static const uint8_t wanted[] = {0x12, 0x34, 0, 7, 5, 0xc8, 0, 0};
    uint16_t ports[2] = {0x1234, 7};
    uint8_t header[UDP_HEADER_BYTES];

    (void)state;
    datagram_write_udp(header, ports, 1472);
    assert_memory_equal(header, wanted, sizeof wanted);
}

static void pattern_shows_each_wrong_byte(void **state)
{
    struct datagram_mark mark = {.kind = DATAGRAM_ECHO, .slot = 3, .sequence = 77};
    struct datagram_mark next = {.kind = DATAGRAM_ECHO, .slot = 3, .sequence = 78};
    uint8_t payload[100];

    (void)state;
    memcpy(payload, &mark, sizeof mark);
    datagram_fill(payload, sizeof payload);
    assert_true(datagram_is_right(payload, sizeof payload));
    assert_true(datagram_is_right(payload, sizeof mark)); /* a mark alone */
    for (unsigned i = sizeof mark; i < sizeof payload; i++) {
        payload[i] ^= 0x80;
        assert_false(datagram_is_right(payload, sizeof payload));
        payload[i] ^= 0x80;
    }
    /* What was left of the datagram before. */
    memcpy(payload, &next, sizeof next);
    assert_false(datagram_is_right(payload, sizeof payload));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_its_own),
        cmocka_unit_test(turns_back),
        cmocka_unit_test(udp_header),
        cmocka_unit_test(pattern_shows_each_wrong_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
