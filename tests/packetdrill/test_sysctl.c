/*
 * Goal:   what scripts set by sysctl and by socket options reaches the stack, and what can't be
 *         told to it is said.
 * Method: a folder of files in the place of /proc/sys/net/ipv4; what the next socket then does, or
 *         says of itself.
 */
#include "tests/packetdrill/test_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTION_RTO_MAX_MS 44
#define OPTION_RTO_MIN_US 45
#define OPTION_DELACK_MAX_US 46

/* Each switches an option of the SYN off. */
static void options_of_the_syn(void **state)
{
    static const char *const names[] = {"tcp_timestamps", "tcp_sack", "tcp_window_scaling"};
    struct bed *bed = *state;
    struct sockaddr_in to = address(REMOTE, REMOTE_PORT);

    for (unsigned off = 0; off < 3; off++) {
        struct packet syn;
        int fd;

        open_again(bed, "");
        set(names[off], "0");
        fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
        (void)bed->table.connect(bed->self, fd, (struct sockaddr *)&to, sizeof to);
        syn = expect(bed, SYN, 0);
        assert_int_equal(syn.timestamps, off != 0);
        assert_int_equal(syn.sack_permitted, off != 1);
        assert_int_equal(syn.window_scale, off != 2);
        unset(names[off]);
    }
}

/* What a new socket says of itself. */
static void numbers_that_sockets_tell(void **state)
{
    static const struct {
        const char *name, *value;
        int level, option, told;
    } rows[] = {
        {"tcp_keepalive_time", "77", IPPROTO_TCP, TCP_KEEPIDLE, 77},
        {"tcp_keepalive_intvl", "11", IPPROTO_TCP, TCP_KEEPINTVL, 11},
        {"tcp_keepalive_probes", "5", IPPROTO_TCP, TCP_KEEPCNT, 5},
        {"tcp_syn_retries", "3", IPPROTO_TCP, TCP_SYNCNT, 3},
        {"tcp_rmem", "4096 50000 60000", SOL_SOCKET, SO_RCVBUF, 50000},
        {"tcp_wmem", "4096 40000 60000", SOL_SOCKET, SO_SNDBUF, 40000},
    };
    struct bed *bed = *state;

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        int told = -1, fd;
        socklen_t length = sizeof told;

        set(rows[row].name, rows[row].value);
        open_again(bed, "");
        fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM, IPPROTO_TCP);
        assert_int_equal(
            bed->table.getsockopt(bed->self, fd, rows[row].level, rows[row].option, &told, &length),
            0);
        assert_int_equal(told, rows[row].told);
        unset(rows[row].name);
    }
}

static void congestion_control(void **state)
{
    static const char *const names[][2] = {{"reno", "newreno"}, {"cubic", "cubic"}};
    struct bed *bed = *state;

    for (unsigned i = 0; i < 2; i++) {
        char told[16] = "";
        socklen_t length = sizeof told;
        int fd;

        set("tcp_congestion_control", names[i][0]);
        open_again(bed, "");
        fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM, IPPROTO_TCP);
        assert_int_equal(
            bed->table.getsockopt(bed->self, fd, IPPROTO_TCP, TCP_CONGESTION, told, &length), 0);
        assert_string_equal(told, names[i][1]);
    }
    unset("tcp_congestion_control");
}

/* How often the SYN-ACK goes that nobody answers. */
static void how_often_a_syn_ack_goes(void **state)
{
    static const struct {
        const char *name, *value;
        unsigned times;
    } rows[] = {
        {"tcp_synack_retries", "1", 2},
        {"tcp_synack_retries", "4", 5},
        {"tcp_syncookies", "2", 1}, /* nobody is there to send it again */
    };
    struct bed *bed = *state;

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct packet packet;
        unsigned times = 0;

        set(rows[row].name, rows[row].value);
        open_again(bed, "");
        (void)listening(bed);
        PEER(.flags = SYN, .seq = bed->iss);
        while (receive(bed, &packet)) {
            times += packet.flags == (SYN | ACK);
        }
        assert_int_equal(times, rows[row].times);
        unset(rows[row].name);
    }
}

/* Of text that nobody answers: how often it goes, with no probe of the tail, and how long it is
 * from the first time to the second, and from there to the next. */
static void how_long_an_answer_is_awaited(void **state)
{
    static const struct {
        const char *name, *value;
        long long first_us, second_us; /* 0: whatever it is */
        unsigned times;
    } rows[] = {
        {"tcp_rto_min_us", "700000", 700000, 1400000, 0},
        {"tcp_rto_max_ms", "200", 200000, 200000, 0},
        {"tcp_retries2", "3", 0, 0, 4},
        {"tcp_retries2", "5", 0, 0, 6},
    };
    struct bed *bed = *state;

    set("tcp_early_retrans", "0");
    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct packet packet;
        long long at_us[64] = {0};
        unsigned times = 0;

        set(rows[row].name, rows[row].value);
        open_again(bed, "");
        assert_int_equal(bed->table.write(bed->self, accepted(bed), "x", 1), 1);
        while (times < 64 && receive(bed, &packet)) {
            at_us[times++] = packet.at_us;
        }
        if (rows[row].times > 0) {
            assert_int_equal(times, rows[row].times);
        } else {
            assert_in_range(at_us[1] - at_us[0], rows[row].first_us, rows[row].first_us + 5000);
            assert_in_range(at_us[2] - at_us[1], rows[row].second_us, rows[row].second_us + 5000);
        }
        unset(rows[row].name);
    }
    unset("tcp_early_retrans");
}

/* The peer's FIN, so long after ours was acknowledged: an answer, or nobody is there any more. */
static void fin_timeout(void **state)
{
    static const struct {
        const char *value;
        useconds_t waited_us;
        bool answered;
    } rows[] = {
        {"2", 1500000, true},
        {"2", 2500000, false},
        {"70", 65000000, true}, /* more than where nothing is set */
    };
    struct bed *bed = *state;

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        set("tcp_fin_timeout", rows[row].value);
        open_again(bed, "");
        assert_int_equal(bed->table.close(bed->self, accepted(bed)), 0);
        (void)expect(bed, ACK | FIN, 0);
        PEER(.flags = ACK, .seq = bed->iss, .ack = bed->irs + 1);
        assert_int_equal(bed->table.usleep(bed->self, rows[row].waited_us), 0);
        PEER(.flags = ACK | FIN, .seq = bed->iss, .ack = bed->irs + 1);
        (void)expect(bed, rows[row].answered ? ACK : RST, 0);
    }
    unset("tcp_fin_timeout");
}

/* What comes twice is reported, or but acknowledged. */
static void dsack(void **state)
{
    struct bed *bed = *state;

    for (unsigned on = 0; on < 2; on++) {
        set("tcp_dsack", on ? "1" : "0");
        open_again(bed, "");
        (void)accepted(bed);
        for (unsigned again = 0; again < 2; again++) {
            PEER(.flags = ACK | PSH, .seq = bed->iss, .ack = bed->irs, .bytes = 100);
            assert_int_equal(expect(bed, ACK, 0).sack, again && on);
        }
    }
    unset("tcp_dsack");
}

/* A window that has grown, before and after a pause of ten seconds. */
static void slow_start_after_idle(void **state)
{
    static const uint8_t text[10 * SEGMENT];
    struct bed *bed = *state;

    for (unsigned on = 0; on < 2; on++) {
        struct packet packet;
        int fd;

        set("tcp_slow_start_after_idle", on ? "1" : "0");
        open_again(bed, "");
        fd = accepted(bed);
        assert_int_equal(bed->table.write(bed->self, fd, text, sizeof text), sizeof text);
        for (unsigned i = 0; i < 10; i++) {
            assert_true(receive(bed, &packet));
        }
        PEER(.flags = ACK, .seq = bed->iss, .ack = bed->irs + sizeof text);
        assert_in_range(info_of(bed, fd).tcpi_snd_cwnd, 11, 20);
        assert_int_equal(bed->table.usleep(bed->self, 10000000), 0);
        assert_int_equal(bed->table.write(bed->self, fd, "x", 1), 1);
        if (on) {
            assert_int_equal(info_of(bed, fd).tcpi_snd_cwnd, 10);
        } else {
            assert_in_range(info_of(bed, fd).tcpi_snd_cwnd, 11, 20);
        }
    }
    unset("tcp_slow_start_after_idle");
}

/* Of three segments that nobody acknowledges the last goes again first, or else the oldest. */
static void early_retrans(void **state)
{
    static const struct {
        const char *value;
        unsigned again;
    } rows[] = {{"0", 0}, {"1", 0}, {"3", 2}, {"4", 2}};
    static const uint8_t text[3 * SEGMENT];
    struct bed *bed = *state;

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        int fd;

        set("tcp_early_retrans", rows[row].value);
        open_again(bed, "");
        fd = accepted(bed);
        assert_int_equal(bed->table.write(bed->self, fd, text, sizeof text), sizeof text);
        for (unsigned i = 0; i < 3; i++) {
            struct packet packet;

            assert_true(receive(bed, &packet));
            assert_int_equal(packet.seq, bed->irs + i * SEGMENT);
        }
        assert_int_equal(expect(bed, rows[row].again == 2 ? ACK | PSH : ACK, SEGMENT).seq,
                         bed->irs + rows[row].again * SEGMENT);
    }
    unset("tcp_early_retrans");
}

/* What a listener answers to a SYN that asks for classic ECN, and to one that asks for the accurate
 * one, and what a SYN of our own asks for. */
static void ecn_modes(void **state)
{
    static const struct {
        const char *value;
        unsigned to_classic, to_accurate, asked;
    } rows[] = {
        {"0", 0, 0, 0},
        {"1", ECE, ECE, ECE | CWR},
        {"2", ECE, ECE, 0},
        {"3", ECE, CWR, ECE | CWR | AE},
        {"4", ECE, CWR, ECE | CWR},
        {"5", ECE, CWR, 0},
    };
    struct bed *bed = *state;
    struct sockaddr_in to = address(REMOTE, REMOTE_PORT);

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        int fd;

        set("tcp_ecn", rows[row].value);
        open_again(bed, "");
        (void)listening(bed);
        PEER(.flags = SYN | ECE | CWR, .seq = bed->iss);
        (void)expect(bed, SYN | ACK | rows[row].to_classic, 0);
        open_again(bed, "");
        (void)listening(bed);
        PEER(.flags = SYN | ECE | CWR | AE, .seq = bed->iss);
        (void)expect(bed, SYN | ACK | rows[row].to_accurate, 0);
        open_again(bed, "");
        fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
        (void)bed->table.connect(bed->self, fd, (struct sockaddr *)&to, sizeof to);
        (void)expect(bed, SYN | rows[row].asked, 0);
    }
    unset("tcp_ecn");
}

/* The SYN-ACK of a listener that agrees to accurate ECN. */
static void ecn_option(void **state)
{
    static const char *const values[] = {"0", "1", "2"};
    struct bed *bed = *state;

    set("tcp_ecn", "3");
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        set("tcp_ecn_option", values[i]);
        open_again(bed, "");
        (void)listening(bed);
        PEER(.flags = SYN | ECE | CWR | AE, .seq = bed->iss);
        assert_int_equal(expect(bed, SYN | ACK | CWR, 0).accurate_ecn, i > 0);
    }
    unset("tcp_ecn_option");
    unset("tcp_ecn");
}

static void reordering(void **state)
{
    struct bed *bed = *state;

    set("tcp_reordering", "7");
    open_again(bed, "");
    assert_int_equal(info_of(bed, accepted(bed)).tcpi_reordering, 7);
    unset("tcp_reordering");
}

/* What stderr is told while the object opens a socket, with one file changed before that. */
static void said_of(struct bed *bed, const char *name, const char *value, char text[256])
{
    char path[] = "/tmp/headrace_untold_XXXXXX";
    int file = mkstemp(path), old = dup(STDERR_FILENO);
    ssize_t got;

    assert_true(file >= 0 && old >= 0);
    (void)unlink(path);
    open_again(bed, "");
    set(name, value);
    (void)dup2(file, STDERR_FILENO);
    (void)bed->table.socket(bed->self, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    (void)bed->table.socket(bed->self, AF_INET, SOCK_STREAM, IPPROTO_TCP); /* once, all the same */
    (void)dup2(old, STDERR_FILENO);
    got = pread(file, text, 255, 0);
    text[got > 0 ? got : 0] = '\0';
    (void)close(file);
    (void)close(old);
}

static void what_has_no_place_is_said(void **state)
{
    static const struct {
        const char *name, *before, *value, *said;
    } rows[] = {
        {"tcp_min_tso_segs", "2", "10", "untold: tcp_min_tso_segs 10\n"},
        {"tcp_min_tso_segs", "2", "2", ""},
        {"tcp_recovery", "1", "0", ""},
        {"tcp_recovery", "1", "7", ""},
        {"tcp_reordering", "3", "2", "untold: tcp_reordering 2\n"},
        {"tcp_reordering", "3", "128", "untold: tcp_reordering 128\n"},
        {"tcp_reordering", "3", "127", ""},
        {"tcp_congestion_control", "cubic", "vegas", "untold: tcp_congestion_control vegas\n"},
        {"tcp_congestion_control", "cubic", "reno", ""},
        {"tcp_fastopen", "1", "0x607", ""},
        {"tcp_ecn_option", "2", "3", "untold: tcp_ecn_option 3\n"},
        {"tcp_ecn_option", "2", "0", ""},
        {"tcp_timestamps", "1", "0", ""},
    };
    struct bed *bed = *state;

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        char text[256];

        set(rows[row].name, rows[row].before);
        said_of(bed, rows[row].name, rows[row].value, text);
        assert_string_equal(text, rows[row].said);
        unset(rows[row].name);
    }
}

/* How long the ACK of one segment takes. */
static long long ack_after_us(struct bed *bed)
{
    long long from_us = now_us(bed);

    PEER(.flags = ACK | PSH, .seq = bed->iss, .ack = bed->irs, .bytes = 100);
    bed->iss += 100;
    return expect(bed, ACK, 0).at_us - from_us;
}

/* Of a connection, and of a listener for those that come. */
static void quick_acks(void **state)
{
    struct bed *bed = *state;
    int fd = accepted(bed);

    assert_in_range(ack_after_us(bed), 0, 10);
    assert_int_equal(set_option(bed, fd, TCP_QUICKACK, 0), 0);
    assert_in_range(ack_after_us(bed), 39000, 45000);
    assert_int_equal(set_option(bed, fd, OPTION_DELACK_MAX_US, 10000), 0);
    assert_in_range(ack_after_us(bed), 9000, 15000);
    assert_int_equal(set_option(bed, fd, TCP_QUICKACK, 1), 0);
    assert_in_range(ack_after_us(bed), 0, 10);
    open_again(bed, "");
    assert_int_equal(set_option(bed, listening(bed), TCP_QUICKACK, 0), 0);
    shake_hands(bed);
    assert_in_range(ack_after_us(bed), 39000, 45000);
}

static void times_are_checked(void **state)
{
    static const struct {
        int name, value;
        bool good;
    } rows[] = {
        {OPTION_RTO_MAX_MS, 999, false},      {OPTION_RTO_MAX_MS, 1000, true},
        {OPTION_RTO_MAX_MS, 120001, false},   {OPTION_RTO_MIN_US, 0, false},
        {OPTION_RTO_MIN_US, 1000001, false},  {OPTION_RTO_MIN_US, 5000, true},
        {OPTION_DELACK_MAX_US, 0, false},     {OPTION_DELACK_MAX_US, 200001, false},
        {OPTION_DELACK_MAX_US, 200000, true},
    };
    struct bed *bed = *state;
    int fd = accepted(bed);

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        errno = 0;
        assert_int_equal(set_option(bed, fd, rows[row].name, rows[row].value),
                         rows[row].good ? 0 : -1);
        assert_int_equal(errno, rows[row].good ? 0 : EINVAL);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(options_of_the_syn, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_that_sockets_tell, setup, teardown),
        cmocka_unit_test_setup_teardown(congestion_control, setup, teardown),
        cmocka_unit_test_setup_teardown(how_often_a_syn_ack_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(how_long_an_answer_is_awaited, setup, teardown),
        cmocka_unit_test_setup_teardown(fin_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(dsack, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_start_after_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(early_retrans, setup, teardown),
        cmocka_unit_test_setup_teardown(ecn_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(ecn_option, setup, teardown),
        cmocka_unit_test_setup_teardown(reordering, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_no_place_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(quick_acks, setup, teardown),
        cmocka_unit_test_setup_teardown(times_are_checked, setup, teardown),
    };

    return argc < 2 || !bed_load(argv[1])
               ? 1
               : cmocka_run_group_tests(tests, settings_begin, settings_end);
}
