/*
 * Goal:   what scripts set in the route to the peer reaches the stack.
 * Method: a network namespace of each test's own, with such a route of a device that nobody else
 *         sees; what a connection then does, or says of itself.
 */
#include "tests/packetdrill/test_settings.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SKIPPED 77 /* what CMakeLists.txt calls so */

/* An object that asks for the route to the peer, which has those metrics. */
static void open_with_route(struct bed *bed, const char *metrics)
{
    char commands[256];

    (void)snprintf(commands, sizeof commands,
                   "ip tuntap add d0 mode tun && ip link set d0 up && "
                   "ip addr add 192.168.0.1/16 dev d0 && "
                   "ip route add 192.0.2.1 via 192.168.0.2 dev d0 %s",
                   metrics);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    assert_int_equal(system(commands), 0);
    open_again(bed, ",remote=192.0.2.1");
}

static void window_acks_and_reordering(void **state)
{
    struct bed *bed = *state;
    struct tcp_info info;

    open_with_route(bed, "initcwnd 3 quickack 1 reordering 9");
    info = info_of(bed, accepted(bed));
    assert_int_equal(info.tcpi_snd_cwnd, 3);
    assert_int_equal(info.tcpi_ato, 0);
    assert_int_equal(info.tcpi_reordering, 9);
}

/* How long it is until text that nobody answers goes again; the sysctl says something else. */
static void the_least_rto(void **state)
{
    struct bed *bed = *state;
    long long first_us;

    set("tcp_early_retrans", "0");
    set("tcp_rto_min_us", "300000");
    open_with_route(bed, "rto_min 700ms");
    assert_int_equal(bed->table.write(bed->self, accepted(bed), "x", 1), 1);
    first_us = expect(bed, ACK | PSH, 1).at_us;
    assert_in_range(expect(bed, ACK | PSH, 1).at_us - first_us, 700000, 705000);
    unset("tcp_rto_min_us");
    unset("tcp_early_retrans");
}

/* Of a connection that came, and of one that is being opened. */
static void hop_limit(void **state)
{
    static const struct {
        const char *metrics;
        uint8_t ttl;
    } rows[] = {{"", 64}, {"hoplimit 33", 33}};
    struct bed *bed = *state;
    struct sockaddr_in to = address(REMOTE, REMOTE_PORT);

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        int fd;

        open_with_route(bed, rows[row].metrics);
        assert_int_equal(bed->table.write(bed->self, accepted(bed), "x", 1), 1);
        assert_int_equal(expect(bed, ACK | PSH, 1).ttl, rows[row].ttl);
        fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
        (void)bed->table.connect(bed->self, fd, (struct sockaddr *)&to, sizeof to);
        assert_int_equal(expect(bed, SYN, 0).ttl, rows[row].ttl);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(window_acks_and_reordering, setup, teardown),
        cmocka_unit_test_setup_teardown(the_least_rto, setup, teardown),
        cmocka_unit_test_setup_teardown(hop_limit, setup, teardown),
    };

    if (geteuid() != 0) {
        print_message("packetdrill/route wants root: routes are made in a namespace\n");
        return SKIPPED;
    }
    return argc < 2 || !bed_load(argv[1])
               ? 1
               : cmocka_run_group_tests(tests, settings_begin, settings_end);
}
