/*
 * Goal:   what scripts set of buffers, and of how far they grow, reaches the stack.
 * Method: a folder of files in the place of /proc/sys/net/ipv4; what a connection then takes, and
 *         offers its peer.
 */
#include "tests/packetdrill/test_settings.h"

#include <fcntl.h>

#define INITIAL_WINDOW (10 * SEGMENT)

/* The window behind many round trips of 15 ms, in each of which a segment comes every millisecond
 * and is read at once. A byte of ours measures each. */
static uint32_t window_in_the_end(struct bed *bed)
{
    uint8_t text[SEGMENT];
    struct packet answer;
    int fd = accepted(bed);

    for (unsigned round = 0; round < 30; round++) {
        assert_int_equal(bed->table.write(bed->self, fd, "x", 1), 1);
        for (unsigned i = 0; i < 15; i++) {
            PEER(.flags = ACK, .seq = bed->iss, .ack = bed->irs, .bytes = SEGMENT);
            bed->iss += SEGMENT;
            assert_int_equal(bed->table.read(bed->self, fd, text, sizeof text), SEGMENT);
            assert_int_equal(bed->table.usleep(bed->self, 1000), 0);
        }
        PEER(.flags = ACK, .seq = bed->iss, .ack = ++bed->irs);
    }
    assert_int_equal(bed->table.write(bed->self, fd, "x", 1), 1);
    do {
        assert_true(receive(bed, &answer));
    } while (answer.seq != bed->irs || answer.bytes == 0);
    return answer.window;
}

/* The third number of tcp_rmem: a window grows up to it, and the scale that a SYN offers fits. */
static void how_far_a_window_grows(void **state)
{
    static const struct {
        const char *value;
        uint32_t window;
        uint8_t shift;
    } rows[] = {
        {"4096 12000 12000", 12000, 0},
        {"4096 12000 24000", 24000, 0},
        {"4096 12000 6291456", UINT16_MAX, 7},
    };
    struct bed *bed = *state;
    struct sockaddr_in to = address(REMOTE, REMOTE_PORT);

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        int fd;

        set("tcp_rmem", rows[row].value);
        open_again(bed, "");
        fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
        (void)bed->table.connect(bed->self, fd, (struct sockaddr *)&to, sizeof to);
        assert_int_equal(expect(bed, SYN, 0).window_shift, rows[row].shift);
        open_again(bed, "");
        assert_int_equal(window_in_the_end(bed), rows[row].window);
    }
    unset("tcp_rmem");
}

/* The third number of tcp_wmem: a writer is let as far ahead of a congestion window that has
 * outgrown the second, at most by as much again as the window. */
static void how_far_a_send_buffer_grows(void **state)
{
    static const struct {
        const char *value;
        ssize_t taken;
    } rows[] = {
        {"4096 8192 8192", 8192},
        {"4096 8192 20000", 20000},
        {"4096 8192 4194304", 2 * INITIAL_WINDOW},
    };
    static const uint8_t text[100000];
    struct bed *bed = *state;

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        ssize_t taken = 0, more;
        int fd;

        set("tcp_wmem", rows[row].value);
        open_again(bed, "");
        fd = accepted(bed);
        assert_int_equal(bed->table.fcntl(bed->self, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
        while ((more = bed->table.write(bed->self, fd, text, sizeof text)) > 0) {
            taken += more;
        }
        assert_int_equal(taken, rows[row].taken);
    }
    unset("tcp_wmem");
}

static bool is_writable(struct bed *bed, int fd)
{
    struct pollfd poll = {.fd = fd, .events = POLLOUT};

    return bed->table.poll(bed->self, &poll, 1, 0) == 1 && poll.revents == POLLOUT;
}

/* A socket is writable with less than so much that never went; an option of its own comes first. */
static void notsent_lowat(void **state)
{
    static const struct {
        const char *value;
        unsigned unsent;
        int option; /* 0: none */
        bool writable;
    } rows[] = {
        {"4000", 3999, 0, true},       {"4000", 4000, 0, false},   {"5000", 4000, 0, true},
        {"4294967295", 4000, 0, true}, {"4000", 4000, 5000, true},
    };
    static const uint8_t text[INITIAL_WINDOW + 4000];
    struct bed *bed = *state;

    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        int fd;

        set("tcp_notsent_lowat", rows[row].value);
        open_again(bed, "");
        fd = accepted(bed);
        if (rows[row].option != 0) {
            assert_int_equal(set_option(bed, fd, TCP_NOTSENT_LOWAT, rows[row].option), 0);
        }
        assert_int_equal(bed->table.write(bed->self, fd, text, INITIAL_WINDOW + rows[row].unsent),
                         INITIAL_WINDOW + rows[row].unsent);
        assert_int_equal(is_writable(bed, fd), rows[row].writable);
        PEER(.flags = ACK, .seq = bed->iss, .ack = bed->irs + 4 * SEGMENT); /* it goes */
        assert_true(is_writable(bed, fd));
    }
    unset("tcp_notsent_lowat");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(how_far_a_window_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(how_far_a_send_buffer_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(notsent_lowat, setup, teardown),
    };

    return argc < 2 || !bed_load(argv[1])
               ? 1
               : cmocka_run_group_tests(tests, settings_begin, settings_end);
}
