/*
 * Goal:   what scripts set of how losses are found and repaired reaches the stack.
 * Method: a folder of files in the place of /proc/sys/net/ipv4; what a connection then sends
 *         again, and when, to a peer whose round trips take 100 ms. Without probes of the tail.
 */
#include "tests/packetdrill/test_settings.h"

#define ROUND_TRIP_US 100000u
#define INITIAL_WINDOW 10u /* segments */

static void wait_us(struct bed *bed, useconds_t us)
{
    assert_int_equal(bed->table.usleep(bed->self, us), 0);
}

/* The connection of a new object, one round trip old. */
static int accepted_slowly(struct bed *bed)
{
    int listener;

    open_again(bed, "");
    listener = listening(bed);
    PEER(.flags = SYN, .seq = bed->iss);
    bed->irs = expect(bed, SYN | ACK, 0).seq + 1;
    bed->iss++;
    wait_us(bed, ROUND_TRIP_US);
    PEER(.flags = ACK, .seq = bed->iss, .ack = bed->irs);
    return bed->table.accept(bed->self, listener, NULL, NULL);
}

/* So many segments, of which `flying` go. */
static void send_segments(struct bed *bed, int fd, unsigned count, unsigned flying)
{
    static const uint8_t text[16 * SEGMENT];
    struct packet packet;

    assert_int_equal(bed->table.write(bed->self, fd, text, (size_t)count * SEGMENT),
                     count * SEGMENT);
    for (unsigned i = 0; i < flying; i++) {
        assert_true(receive(bed, &packet));
        assert_int_equal(packet.seq, bed->irs + i * SEGMENT);
    }
}

/* tcp_recovery: how long it is from the ACK that SACKs some segments behind the first until that
 * goes again. RACK waits a quarter of a round trip, or two where a D-SACK has shown that it was in
 * a hurry before; three SACKed segments are enough by themselves. */
static void recovery(void **state)
{
    static const struct {
        const char *name, *value;
        bool hurried;
        unsigned sacked;
        long long least_us, most_us;
    } rows[] = {
        {"RACK", "1", false, 1, 25000, 30000},
        {"no RACK: the timer", "0", false, 1, 150000, 1000000},
        {"three are counted", "1", false, 3, 0, 1000},
        {"without RACK too", "0", false, 3, 0, 1000},
        {"they are not", "5", false, 3, 25000, 30000},
        {"hurried", "1", true, 1, 50000, 55000},
        {"hurried, and unmoved", "3", true, 1, 25000, 30000},
    };
    struct bed *bed = *state;

    set("tcp_early_retrans", "0");
    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        long long sacked_us;
        int fd;

        print_message("  %s\n", rows[row].name);
        set("tcp_recovery", rows[row].value);
        fd = accepted_slowly(bed);
        send_segments(bed, fd, 6, 6);
        wait_us(bed, ROUND_TRIP_US);
        bed->irs += SEGMENT;
        PEER(.flags = ACK, .seq = bed->iss, .ack = bed->irs, .sack = rows[row].hurried,
             .sack_start = bed->irs - SEGMENT, .sack_end = bed->irs);
        sacked_us = now_us(bed);
        PEER(.flags = ACK, .seq = bed->iss, .ack = bed->irs, .sack = true,
             .sack_start = bed->irs + SEGMENT,
             .sack_end = bed->irs + (1 + rows[row].sacked) * SEGMENT);
        assert_in_range(expect(bed, ACK, SEGMENT).at_us - sacked_us, rows[row].least_us,
                        rows[row].most_us);
    }
    unset("tcp_recovery");
    unset("tcp_early_retrans");
}

/* The oldest has gone again by the timer, and is acknowledged: F-RTO sends what never went, and
 * would see by its ACKs that nothing was lost; without, the next goes again. */
static void frto(void **state)
{
    static const struct {
        const char *value;
        unsigned next;
    } rows[] = {{"0", 1}, {"1", INITIAL_WINDOW}, {"2", INITIAL_WINDOW}};
    struct bed *bed = *state;

    set("tcp_early_retrans", "0");
    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        set("tcp_frto", rows[row].value);
        send_segments(bed, accepted_slowly(bed), INITIAL_WINDOW + 4, INITIAL_WINDOW);
        assert_int_equal(expect(bed, ACK, SEGMENT).seq, bed->irs);
        PEER(.flags = ACK, .seq = bed->iss, .ack = bed->irs + SEGMENT);
        assert_int_equal(expect(bed, ACK, SEGMENT).seq, bed->irs + rows[row].next * SEGMENT);
    }
    unset("tcp_frto");
    unset("tcp_early_retrans");
}

/* Text of one large segment that nobody answers: how often it goes until a smaller part of it
 * does, of a packet of 1024 bytes. tcp_retries1 says when the path is doubted. */
static void mtu_probing(void **state)
{
    static const struct {
        const char *value, *retries1;
        unsigned times; /* 6: as often as was looked */
    } rows[] = {{"0", "3", 6}, {"1", "3", 3}, {"2", "3", 0}, {"1", "1", 1}, {"1", "5", 5}};
    struct bed *bed = *state;

    set("tcp_early_retrans", "0");
    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct packet packet;
        unsigned times = 0;

        set("tcp_mtu_probing", rows[row].value);
        set("tcp_retries1", rows[row].retries1);
        send_segments(bed, accepted_slowly(bed), 1, 0);
        while (times < 6 && receive(bed, &packet) && packet.bytes == SEGMENT) {
            times++;
        }
        assert_int_equal(times, rows[row].times);
        assert_int_equal(packet.bytes, times == 6 ? SEGMENT : 1024 - IPV4_BYTES - TCP_BYTES);
    }
    unset("tcp_retries1");
    unset("tcp_mtu_probing");
    unset("tcp_early_retrans");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(recovery, setup, teardown),
        cmocka_unit_test_setup_teardown(frto, setup, teardown),
        cmocka_unit_test_setup_teardown(mtu_probing, setup, teardown),
    };

    return argc < 2 || !bed_load(argv[1])
               ? 1
               : cmocka_run_group_tests(tests, settings_begin, settings_end);
}
