/*
 * Goal:   text and addresses of both families turn into one another as RFC 4291
 *         and RFC 5952 say, and every range of addresses that no single host may
 *         have is recognised, at its edges.
 * Method: tables of texts; refused ones leave an error, taken ones are formatted
 *         again.
 */
#include "datapath/net/addr.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct ip_addr parsed(const char *text)
{
    struct ip_addr addr;

    if (ip_addr_parse(text, &addr) != 0) {
        fail_msg("%s is not taken for an address", text);
    }
    return addr;
}

static struct ip_prefix parsed_prefix(const char *text)
{
    struct ip_prefix prefix;

    if (ip_prefix_parse(text, &prefix) != 0) {
        fail_msg("%s is not taken for a prefix", text);
    }
    return prefix;
}

static void text_becomes_address_and_text_again(void **state)
{
    static const struct {
        const char *text;
        const char *canonical;
        enum ip_family family;
    } cases[] = {
        {"0.0.0.0", "0.0.0.0", IP_V4},
        {"192.0.2.1", "192.0.2.1", IP_V4},
        {"255.255.255.255", "255.255.255.255", IP_V4},
        {"::ffff:192.0.2.1", "192.0.2.1", IP_V4},
        {"::ffff:c000:201", "192.0.2.1", IP_V4},
        {"::", "::", IP_V6},
        {"::1", "::1", IP_V6},
        {"1::", "1::", IP_V6},
        {"2001:DB8::0001", "2001:db8::1", IP_V6},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", IP_V6},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", IP_V6},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1", IP_V6},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", IP_V6},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", IP_V6},
        {"1:0:0:4:5:6:0:0", "1::4:5:6:0:0", IP_V6},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         IP_V6},
        {"::1:2", "::1:2", IP_V6},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221", IP_V6},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        char text[IP_ADDR_TEXT_BYTES];
        struct ip_addr addr = parsed(cases[i].text);
        struct ip_addr again;

        assert_int_equal(ip_addr_family(&addr), cases[i].family);
        assert_string_equal(ip_addr_format(&addr, text), cases[i].canonical);
        again = parsed(text);
        assert_true(ip_addr_equal(&addr, &again));
    }
}

static void text_that_is_no_address(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.-4",
        "1..2.3",
        "1.2.3.4/8",
        "0x1.2.3.4",
        ":",
        ":::",
        ":::1",
        "1:::2",
        "1:2",
        "1::2::3",
        "12345::",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::g",
        "[::1]",
        "::1%eth0",
        "::1.2.3",
        "1.2.3.4::",
        "fe80::1:",
        ":1::",
        "1:2:3:4:5:6:7:1.2.3.4",
        "01.2.3.4.",
        "::1.2.3.256",
        "1111.2.3.4",
        "...",
        "::1.2.3.4:5",
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ip_addr addr;

        if (ip_addr_parse(cases[i], &addr) != -1) {
            fail_msg("\"%s\" was taken for an address", cases[i]);
        }
    }
}

static void text_becomes_prefix(void **state)
{
    static const struct {
        const char *text;
        int length; /* -1: refused */
    } cases[] = {
        {"10.0.0.1/8", 8},
        {"10.0.0.1/0", 0},
        {"10.0.0.1/32", 32},
        {"10.0.0.1", 32},
        {"2001:db8::1/64", 64},
        {"::/0", 0},
        {"::1/128", 128},
        {"::1", 128},
        {"10.0.0.1/33", -1},
        {"::1/129", -1},
        {"10.0.0.1/", -1},
        {"10.0.0.1/-1", -1},
        {"10.0.0.1/ 8", -1},
        {"10.0.0.1/8 ", -1},
        {"10.0.0.1/8/8", -1},
        {"/8", -1},
        {"", -1},
        {"10.0.0/8", -1},
        {"10.0.0.1/4294967304", -1},
        {"::ffff:10.0.0.1/104", -1}, /* an IPv4 address: its length is 0 to 32 */
        {"2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000/64", -1},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ip_prefix prefix;
        int result = ip_prefix_parse(cases[i].text, &prefix);

        if (result != (cases[i].length < 0 ? -1 : 0) ||
            (result == 0 && prefix.length != cases[i].length)) {
            fail_msg("\"%s\"", cases[i].text);
        }
    }
}

static void kinds_of_addresses(void **state)
{
    enum { UNSPECIFIED = 1, MULTICAST = 2, LOOPBACK = 4, BROADCAST = 8, UNICAST = 16 };
    static const struct {
        const char *text;
        unsigned kinds;
    } cases[] = {
        {"0.0.0.0", UNSPECIFIED},
        {"0.0.0.1", 0}, /* "this network": nobody's */
        {"0.255.255.255", 0},
        {"1.0.0.0", UNICAST},
        {"126.255.255.255", UNICAST},
        {"127.0.0.0", LOOPBACK},
        {"127.255.255.255", LOOPBACK},
        {"128.0.0.0", UNICAST},
        {"223.255.255.255", UNICAST},
        {"224.0.0.0", MULTICAST},
        {"239.255.255.255", MULTICAST},
        {"240.0.0.0", 0}, /* reserved */
        {"255.255.255.254", 0},
        {"255.255.255.255", BROADCAST},
        {"::", UNSPECIFIED},
        {"::1", LOOPBACK},
        {"::2", UNICAST},
        {"2001:db8::1", UNICAST},
        {"fe80::1", UNICAST},
        {"feff:ffff::", UNICAST},
        {"ff00::", MULTICAST},
        {"ff02::1", MULTICAST},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ip_addr addr = parsed(cases[i].text);
        unsigned kinds = (ip_addr_is_unspecified(&addr) ? UNSPECIFIED : 0) |
                         (ip_addr_is_multicast(&addr) ? MULTICAST : 0) |
                         (ip_addr_is_loopback(&addr) ? LOOPBACK : 0) |
                         (ip_addr_is_broadcast(&addr) ? BROADCAST : 0) |
                         (ip_addr_is_unicast(&addr) ? UNICAST : 0);

        if (kinds != cases[i].kinds) {
            fail_msg("%s: %u", cases[i].text, kinds);
        }
    }
}

static void prefix_contains_its_addresses_only(void **state)
{
    static const struct {
        const char *prefix;
        const char *addr;
        bool contains;
        bool broadcast;
    } cases[] = {
        {"10.1.2.3/8", "10.255.0.1", true, false},
        {"10.1.2.3/8", "10.255.255.255", true, true},
        {"10.1.2.3/8", "11.1.2.3", false, false},
        {"192.0.2.1/25", "192.0.2.127", true, true},
        {"192.0.2.1/25", "192.0.2.128", false, false},
        {"192.0.2.129/25", "192.0.2.255", true, true},
        {"192.0.2.129/25", "192.0.2.127", false, false},
        {"192.0.2.0/30", "192.0.2.3", true, true},
        {"192.0.2.0/31", "192.0.2.1", true, false}, /* point to point: RFC 3021 */
        {"192.0.2.1/32", "192.0.2.1", true, false},
        {"192.0.2.1/32", "192.0.2.2", false, false},
        {"0.0.0.0/0", "255.255.255.255", true, true},
        {"0.0.0.0/0", "203.0.113.9", true, false},
        {"0.0.0.0/0", "2001:db8::1", false, false},
        {"0.0.0.0/0", "::", false, false},
        {"::/0", "2001:db8::1", true, false},
        {"::/0", "192.0.2.1", false, false}, /* though its mapped form lies in it */
        {"2001:db8::/33", "2001:db8:7fff::", true, false},
        {"2001:db8::/33", "2001:db8:8000::", false, false},
        {"2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff", true, false},
        {"2001:db8::/64", "2001:db8:0:1::", false, false},
        {"2001:db8::/65", "2001:db8::7fff:ffff:ffff:ffff", true, false},
        {"2001:db8::/65", "2001:db8::8000:0:0:0", false, false},
        {"2001:db8::/65", "2001:db8:0:1::", false, false},
        {"2001:db8::1/128", "2001:db8::1", true, false},
        {"2001:db8::1/128", "2001:db8::", false, false},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ip_prefix prefix = parsed_prefix(cases[i].prefix);
        struct ip_addr addr = parsed(cases[i].addr);

        if (ip_prefix_contains(&prefix, &addr) != cases[i].contains ||
            ip_prefix_is_broadcast(&prefix, &addr) != cases[i].broadcast) {
            fail_msg("%s in %s", cases[i].addr, cases[i].prefix);
        }
    }
}

static void host_order_of_ipv4(void **state)
{
    struct ip_addr addr = ip_addr_v4(0xc0000201);
    struct ip_addr text = parsed("192.0.2.1");

    (void)state;
    assert_true(ip_addr_equal(&addr, &text));
    assert_int_equal(ip_addr_v4_get(&addr), 0xc0000201);
    for (unsigned i = 0; i < sizeof addr.bytes; i++) {
        struct ip_addr other = addr;

        other.bytes[i] ^= 1;
        assert_false(ip_addr_equal(&addr, &other));
    }
}

static void mac_addresses(void **state)
{
    static const struct {
        struct mac_addr mac;
        bool multicast;
    } cases[] = {
        {{{0x02, 0x00, 0x5e, 0x10, 0x00, 0xff}}, false},
        {{{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}}, false},
        {{{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}}, true},
        {{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, true},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(mac_addr_is_multicast(&cases[i].mac), cases[i].multicast);
        for (unsigned j = 0; j < COUNT_OF(cases); j++) {
            assert_int_equal(mac_addr_equal(&cases[i].mac, &cases[j].mac), i == j);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_address_and_text_again),
        cmocka_unit_test(text_that_is_no_address),
        cmocka_unit_test(text_becomes_prefix),
        cmocka_unit_test(kinds_of_addresses),
        cmocka_unit_test(prefix_contains_its_addresses_only),
        cmocka_unit_test(host_order_of_ipv4),
        cmocka_unit_test(mac_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
