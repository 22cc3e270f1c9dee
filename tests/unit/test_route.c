/*
 * Goal:   the longest prefix of the right family decides the next hop.
 * Method: one table of routes of both families, added in no order.
 */
#include "datapath/net/route.h"

#include "datapath/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct route route_of(const char *prefix, const char *gateway)
{
    struct route route = {.on_link = gateway == NULL};

    assert_int_equal(ip_prefix_parse(prefix, &route.prefix), 0);
    if (gateway) {
        assert_int_equal(ip_addr_parse(gateway, &route.gateway), 0);
    }
    return route;
}

/* Shows: RFC 1122 3.3.1.1a. */
static void longest_prefix_wins(void **state)
{
    static const char *const routes_text[][2] = {
        {"0.0.0.0/0", "10.0.0.254"},   {"10.0.0.1/24", NULL},
        {"10.0.0.128/25", "10.0.0.3"}, {"192.0.2.0/24", "10.0.0.4"},
        {"192.0.2.7/32", NULL},        {"192.0.2.0/24", "10.0.0.5"},
        {"2001:db8::1/64", NULL},      {"2001:db8:0:0:8000::/65", "2001:db8::9"},
    };
    static const struct {
        const char *remote;
        const char *next_hop; /* NULL: no route */
    } cases[] = {
        {"10.0.0.2", "10.0.0.2"},       {"10.0.0.127", "10.0.0.127"},
        {"10.0.0.128", "10.0.0.3"},     {"10.0.1.1", "10.0.0.254"},
        {"192.0.2.6", "10.0.0.4"}, /* the first of equals */
        {"192.0.2.7", "192.0.2.7"},     {"203.0.113.1", "10.0.0.254"},
        {"2001:db8::2", "2001:db8::2"}, {"2001:db8::8000:0:0:1", "2001:db8::9"},
        {"2001:db8:1::1", NULL},        {"::1", NULL},
    };
    struct routes routes = {0};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(routes_text); i++) {
        struct route route = route_of(routes_text[i][0], routes_text[i][1]);

        assert_int_equal(route_add(&routes, &route), 0);
    }
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct ip_addr remote;
        struct ip_addr next_hop;
        struct ip_addr expected;
        int result;

        assert_int_equal(ip_addr_parse(cases[i].remote, &remote), 0);
        result = route_find(&routes, &remote, &next_hop);
        if (result != (cases[i].next_hop ? 0 : -1)) {
            fail_msg("%s: %d", cases[i].remote, result);
        }
        if (cases[i].next_hop) {
            assert_int_equal(ip_addr_parse(cases[i].next_hop, &expected), 0);
            if (!ip_addr_equal(&next_hop, &expected)) {
                fail_msg("%s: another next hop", cases[i].remote);
            }
        }
    }
}

/* Neither default route takes the other family's packets. */
static void families_do_not_mix(void **state)
{
    struct routes v4 = {0};
    struct routes v6 = {0};
    struct route v4_any = route_of("0.0.0.0/0", "10.0.0.254");
    struct route v6_any = route_of("::/0", "2001:db8::fe");
    struct ip_addr v4_remote;
    struct ip_addr v6_remote;
    struct ip_addr next_hop;

    (void)state;
    assert_int_equal(ip_addr_parse("192.0.2.1", &v4_remote), 0);
    assert_int_equal(ip_addr_parse("2001:db8::1", &v6_remote), 0);
    assert_int_equal(route_find(&v4, &v4_remote, &next_hop), -1);
    assert_int_equal(route_add(&v4, &v4_any), 0);
    assert_int_equal(route_add(&v6, &v6_any), 0);
    assert_int_equal(route_find(&v4, &v4_remote, &next_hop), 0);
    assert_int_equal(route_find(&v4, &v6_remote, &next_hop), -1);
    assert_int_equal(route_find(&v6, &v6_remote, &next_hop), 0);
    assert_int_equal(route_find(&v6, &v4_remote, &next_hop), -1);
}

static void table_is_bounded(void **state)
{
    struct routes routes = {0};
    struct route route = route_of("10.0.0.0/8", NULL);

    (void)state;
    for (unsigned i = 0; i < ROUTES_MAX; i++) {
        assert_int_equal(route_add(&routes, &route), 0);
    }
    assert_int_equal(route_add(&routes, &route), -1);
    assert_int_equal(routes.count, ROUTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_prefix_wins),
        cmocka_unit_test(families_do_not_mix),
        cmocka_unit_test(table_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
