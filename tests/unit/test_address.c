/*
 * Goal:   what is ours, what is a broadcast address and what may be another host's
 *         is told apart, and the source of what we send fits where it goes.
 * Method: an instance with several prefixes of both families; every address of the
 *         on-link prefix is judged, so that the filter's chances all come up.
 */
#include "tests/unit/net_steps.h"

static const char *const own_text[] = {
    "10.0.0.1/24",    "10.0.0.9/24",    "192.0.2.1/31",
    "203.0.113.5/32", "2001:db8::1/64", "2001:db8:1::1/48",
};

static void open_many(struct fixture *f, struct ip_prefix addresses[COUNT_OF(own_text)])
{
    fixture_prepare(f);
    for (unsigned i = 0; i < COUNT_OF(own_text); i++) {
        assert_int_equal(ip_prefix_parse(own_text[i], &addresses[i]), 0);
    }
    f->config.addresses = addresses;
    f->config.address_count = COUNT_OF(own_text);
    assert_int_equal(net_init(&f->net, &f->config), 0);
}

/* Shows: RFC 1122 3.3.6a. */
static void addresses_are_told_apart(void **state)
{
    static const struct {
        const char *addr;
        bool local, broadcast, remote;
    } cases[] = {
        {"10.0.0.1", true, false, false},
        {"10.0.0.9", true, false, false},
        {"192.0.2.1", true, false, false}, /* the last of a /31, yet no broadcast */
        {"203.0.113.5", true, false, false},
        {"2001:db8::1", true, false, false},
        {"10.0.0.255", false, true, false},
        {"255.255.255.255", false, true, false},
        {"10.0.1.255", false, false, true},
        {"192.0.2.0", false, false, true},
        {"2001:db8::ffff:ffff:ffff:ffff", false, false, true},
        {"2001:db8::2", false, false, true},
        {"224.0.0.1", false, false, false},
        {"127.0.0.1", false, false, false},
        {"ff02::1", false, false, false},
        {"::", false, false, false},
    };
    struct fixture f;
    struct ip_prefix addresses[COUNT_OF(own_text)];

    (void)state;
    open_many(&f, addresses);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ip_addr addr = addr_of(cases[i].addr);

        if (net_address_is_local(&f.net, &addr) != cases[i].local ||
            net_address_is_broadcast(&f.net, &addr) != cases[i].broadcast ||
            net_address_is_remote(&f.net, &addr) != cases[i].remote) {
            fail_msg("%s", cases[i].addr);
        }
    }
    fixture_close(&f);
}

static void whole_prefix_is_judged_right(void **state)
{
    struct fixture f;
    struct ip_prefix addresses[COUNT_OF(own_text)];

    (void)state;
    open_many(&f, addresses);
    for (uint32_t host = 0; host < 256; host++) {
        struct ip_addr addr = ip_addr_v4(0x0a000000u + host);
        bool is_remote = host != 1 && host != 9 && host != 255;

        assert_int_equal(net_address_is_remote(&f.net, &addr), is_remote);
    }
    fixture_close(&f);
}

/* Shows: RFC 1122 3.3.4.2a. */
static void source_fits_the_destination(void **state)
{
    static const struct {
        const char *remote;
        const char *source; /* NULL: none */
    } cases[] = {
        {"10.0.0.2", "10.0.0.1"},        {"192.0.2.0", "192.0.2.1"},
        {"8.8.8.8", "10.0.0.1"}, /* through the gateway, which is on that link */
        {"2001:db8::2", "2001:db8::1"},  {"2001:db8:1:7::2", "2001:db8:1::1"},
        {"2001:4860::1", "2001:db8::1"},
    };
    struct fixture f;
    struct ip_prefix addresses[COUNT_OF(own_text)];

    (void)state;
    open_many(&f, addresses);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ip_addr remote = addr_of(cases[i].remote);
        struct ip_addr expected = addr_of(cases[i].source);
        const struct ip_addr *source = net_source_for(&f.net, &remote);

        if (!source || !ip_addr_equal(source, &expected)) {
            fail_msg("%s", cases[i].remote);
        }
    }
    fixture_close(&f);
}

/* A gateway that no prefix holds is on the link all the same; without one there
 * is no source. */
static void source_without_a_prefix(void **state)
{
    struct fixture f;
    struct ip_addr remote = addr_of("8.8.8.8");
    struct ip_addr v6_remote = addr_of("2001:4860::1");
    const struct ip_addr *source;

    (void)state;
    fixture_prepare(&f);
    f.gateways[0] = addr_of("192.0.2.254");
    f.config.gateway_count = 1;
    assert_int_equal(net_init(&f.net, &f.config), 0);
    source = net_source_for(&f.net, &remote);
    assert_non_null(source);
    assert_true(ip_addr_equal(source, &f.addresses[0].addr));
    assert_null(net_source_for(&f.net, &v6_remote));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_told_apart),
        cmocka_unit_test(whole_prefix_is_judged_right),
        cmocka_unit_test(source_fits_the_destination),
        cmocka_unit_test(source_without_a_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
