/*
 * Goal:   what scripts set by socket options reaches the stack, and what is out of its range is
 *         refused.
 * Method: options of a listener, and of a connection; what then goes, and when.
 */
#include "tests/packetdrill/test_settings.h"

#include <errno.h>

#define OPTION_RTO_MAX_MS 44
#define OPTION_RTO_MIN_US 45

static int set_of(struct bed *bed, int fd, int level, int name, int value)
{
    return bed->table.setsockopt(bed->self, fd, level, name, &value, sizeof value);
}

static int accepted_of(struct bed *bed, int listener)
{
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;

    shake_hands(bed);
    return bed->table.accept(bed->self, listener, (struct sockaddr *)&peer, &length);
}

/* Of a listener for those that come, and of an open connection. */
static void what_ip_carries(void **state)
{
    struct bed *bed = *state;
    int listener = listening(bed);
    struct packet packet;
    int fd;

    assert_int_equal(set_of(bed, listener, IPPROTO_IP, IP_TOS, 0x28), 0);
    assert_int_equal(set_of(bed, listener, IPPROTO_IP, IP_TTL, 7), 0);
    fd = accepted_of(bed, listener);
    for (unsigned later = 0; later < 2; later++) {
        assert_int_equal(bed->table.write(bed->self, fd, "x", 1), 1);
        packet = expect(bed, ACK | PSH, 1);
        assert_int_equal(packet.tos, later ? 0x48 : 0x28);
        assert_int_equal(packet.ttl, later ? 99 : 7);
        PEER(.flags = ACK, .seq = bed->iss, .ack = ++bed->irs);
        assert_int_equal(set_of(bed, fd, IPPROTO_IP, IP_TOS, 0x48), 0);
        assert_int_equal(set_of(bed, fd, IPPROTO_IP, IP_TTL, 99), 0);
    }
}

/* Text that nobody answers: how long from the first time to the second, the longest that it
 * is between two, and how long it goes in all. */
static void how_long_an_answer_is_awaited(void **state)
{
    static const struct {
        int name, value;
        long long first_us, longest_us, all_us; /* 0: whatever it is */
    } rows[] = {
        {OPTION_RTO_MIN_US, 700000, 700000, 0, 0},
        {OPTION_RTO_MAX_MS, 1000, 0, 1000000, 0},
        {TCP_USER_TIMEOUT, 3000, 0, 0, 3000000},
    };
    struct bed *bed = *state;

    set("tcp_early_retrans", "0");
    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        long long first_us, before_us, longest_us = 0;
        struct packet packet;
        int listener;

        open_again(bed, "");
        listener = listening(bed);
        assert_int_equal(set_option(bed, listener, rows[row].name, rows[row].value), 0);
        assert_int_equal(bed->table.write(bed->self, accepted_of(bed, listener), "x", 1), 1);
        before_us = first_us = expect(bed, ACK | PSH, 1).at_us;
        for (unsigned again = 0; receive(bed, &packet); again++) {
            long long wait_us = packet.at_us - before_us;

            if (again == 0 && rows[row].first_us > 0) {
                assert_in_range(wait_us, rows[row].first_us, rows[row].first_us + 5000);
            }
            longest_us = wait_us > longest_us ? wait_us : longest_us;
            before_us = packet.at_us;
        }
        if (rows[row].longest_us > 0) {
            assert_in_range(longest_us, rows[row].longest_us, rows[row].longest_us + 5000);
        }
        if (rows[row].all_us > 0) {
            assert_in_range(before_us - first_us, rows[row].all_us / 3, rows[row].all_us);
        }
    }
    unset("tcp_early_retrans");
}

/* Three, so far apart, then nothing more. */
static void keepalives(void **state)
{
    struct bed *bed = *state;
    int fd = accepted(bed);
    long long at_us = now_us(bed);
    struct packet packet;

    assert_int_equal(set_option(bed, fd, TCP_KEEPIDLE, 5), 0);
    assert_int_equal(set_option(bed, fd, TCP_KEEPINTVL, 2), 0);
    assert_int_equal(set_option(bed, fd, TCP_KEEPCNT, 3), 0);
    assert_int_equal(set_of(bed, fd, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
    for (unsigned i = 0; i < 3; i++) {
        long long asked_us = expect(bed, ACK, 0).at_us;

        assert_in_range(asked_us - at_us, (i ? 2 : 5) * 990000, (i ? 2 : 5) * 1010000);
        at_us = asked_us;
    }
    (void)expect(bed, RST | ACK, 0);
    assert_false(receive(bed, &packet));
}

static void how_often_a_syn_goes(void **state)
{
    struct bed *bed = *state;
    struct sockaddr_in to = address(REMOTE, REMOTE_PORT);
    int fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
    unsigned times = 0;
    struct packet packet;

    assert_int_equal(set_option(bed, fd, TCP_SYNCNT, 2), 0);
    (void)bed->table.connect(bed->self, fd, (struct sockaddr *)&to, sizeof to);
    while (receive(bed, &packet)) {
        times++;
    }
    assert_int_equal(times, 3);
}

/* The double of what is asked for, as with Linux. */
static void receive_buffer(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(set_of(bed, listening(bed), SOL_SOCKET, SO_RCVBUF, 10000), 0);
    PEER(.flags = SYN, .seq = bed->iss);
    assert_int_equal(expect(bed, SYN | ACK, 0).window, 20000);
}

static void congestion_control(void **state)
{
    struct bed *bed = *state;
    int fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    char told[16] = "";
    socklen_t length = sizeof told;

    assert_int_equal(bed->table.setsockopt(bed->self, fd, IPPROTO_TCP, TCP_CONGESTION, "dctcp", 5),
                     0);
    assert_int_equal(
        bed->table.getsockopt(bed->self, fd, IPPROTO_TCP, TCP_CONGESTION, told, &length), 0);
    assert_string_equal(told, "dctcp");
    assert_int_equal(bed->table.setsockopt(bed->self, fd, IPPROTO_TCP, TCP_CONGESTION, "vegas", 5),
                     -1);
    assert_int_equal(errno, ENOENT);
}

static void ranges(void **state)
{
    static const struct {
        int level, name, value;
        bool good;
    } rows[] = {
        {IPPROTO_TCP, TCP_KEEPIDLE, 0, false},
        {IPPROTO_TCP, TCP_KEEPIDLE, 32767, true},
        {IPPROTO_TCP, TCP_KEEPIDLE, 32768, false},
        {IPPROTO_TCP, TCP_KEEPINTVL, 32767, true},
        {IPPROTO_TCP, TCP_KEEPINTVL, 32768, false},
        {IPPROTO_TCP, TCP_KEEPCNT, 127, true},
        {IPPROTO_TCP, TCP_KEEPCNT, 128, false},
        {IPPROTO_TCP, TCP_SYNCNT, 127, true},
        {IPPROTO_TCP, TCP_SYNCNT, 128, false},
        {IPPROTO_TCP, TCP_SYNCNT, 0, false},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, -1, false},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 0, true},
        {IPPROTO_IP, IP_TTL, 0, false},
        {IPPROTO_IP, IP_TTL, 255, true},
        {IPPROTO_IP, IP_TTL, 256, false},
    };
    struct bed *bed = *state;
    int fd = accepted(bed);

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        errno = 0;
        assert_int_equal(set_of(bed, fd, rows[row].level, rows[row].name, rows[row].value),
                         rows[row].good ? 0 : -1);
        assert_int_equal(errno, rows[row].good ? 0 : EINVAL);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_ip_carries, setup, teardown),
        cmocka_unit_test_setup_teardown(how_long_an_answer_is_awaited, setup, teardown),
        cmocka_unit_test_setup_teardown(keepalives, setup, teardown),
        cmocka_unit_test_setup_teardown(how_often_a_syn_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(receive_buffer, setup, teardown),
        cmocka_unit_test_setup_teardown(congestion_control, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges, setup, teardown),
    };

    return argc < 2 || !bed_load(argv[1])
               ? 1
               : cmocka_run_group_tests(tests, settings_begin, settings_end);
}
