/*
 * Goal:   the object that packetdrill loads does what the runner expects of it, so that it
 *         does not rot where there is no packetdrill.
 * Method: calls of an application, packets from IPv4 headers on, virtual time (test_bed.h).
 */
#include "tests/packetdrill/test_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

static void a_server_reads_writes_and_closes(void **state)
{
    struct bed *bed = *state;
    uint8_t text[64] = {0};
    int fd = accepted(bed);

    assert_int_equal(bed->table.fcntl(bed->self, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    assert_int_equal(bed->table.read(bed->self, fd, text, sizeof text), -1);
    assert_int_equal(errno, EAGAIN);
    PEER(.flags = ACK | PSH, .seq = bed->iss, .ack = bed->irs, .bytes = 50);
    assert_int_equal(expect(bed, ACK, 0).ack, bed->iss + 50);
    assert_int_equal(bed->table.read(bed->self, fd, text, 20), 20);
    assert_int_equal(bed->table.read(bed->self, fd, text, sizeof text), 30);
    assert_int_equal(text[0], 20); /* the peer counts its bytes */
    assert_int_equal(bed->table.write(bed->self, fd, text, 30), 30);
    assert_int_equal(expect(bed, ACK | PSH, 30).seq, bed->irs);
    PEER(.flags = ACK | FIN, .seq = bed->iss + 50, .ack = bed->irs + 30);
    assert_int_equal(expect(bed, ACK, 0).ack, bed->iss + 51);
    assert_int_equal(bed->table.read(bed->self, fd, text, sizeof text), 0);
    assert_int_equal(bed->table.close(bed->self, fd), 0);
    assert_int_equal(expect(bed, ACK | FIN, 0).seq, bed->irs + 30);
}

static void a_client_connects_without_waiting(void **state)
{
    struct bed *bed = *state;
    struct sockaddr_in to = address(REMOTE, REMOTE_PORT);
    int fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
    struct pollfd poll = {.fd = fd, .events = POLLOUT};
    int error = -1;
    socklen_t length = sizeof error;
    struct packet syn;

    assert_int_equal(bed->table.connect(bed->self, fd, (struct sockaddr *)&to, sizeof to), -1);
    assert_int_equal(errno, EINPROGRESS);
    assert_int_equal(bed->table.poll(bed->self, &poll, 1, 0), 0);
    syn = expect(bed, SYN, 0);
    assert_int_equal(syn.remote_port, REMOTE_PORT);
    assert_true(syn.sack_permitted && syn.timestamps);
    inject(bed, &(struct packet){.flags = SYN | ACK,
                                 .seq = bed->iss,
                                 .ack = syn.seq + 1,
                                 .local_port = syn.local_port,
                                 .remote_port = REMOTE_PORT});
    assert_int_equal(expect(bed, ACK, 0).ack, bed->iss + 1);
    assert_int_equal(bed->table.poll(bed->self, &poll, 1, 0), 1);
    assert_int_equal(poll.revents, POLLOUT);
    assert_int_equal(bed->table.getsockopt(bed->self, fd, SOL_SOCKET, SO_ERROR, &error, &length),
                     0);
    assert_int_equal(error, 0);
}

/* Nobody acknowledges: the stack's timers move the time, by as much as they are for. */
static void time_passes_while_a_packet_is_awaited(void **state)
{
    struct bed *bed = *state;
    struct packet first, again;
    int fd = accepted(bed);

    assert_int_equal(bed->table.write(bed->self, fd, "x", 1), 1);
    first = expect(bed, ACK | PSH, 1);
    again = expect(bed, ACK | PSH, 1);
    assert_int_equal(again.seq, first.seq);
    assert_in_range(again.at_us - first.at_us, 1000, 1000000);
    assert_true(now_us(bed) >= again.at_us);
}

/* With nothing to come it ends, or the runner would ask for ever. */
static void nothing_to_come_is_said(void **state)
{
    struct bed *bed = *state;
    struct packet packet;
    long long before_us = now_us(bed);

    assert_int_equal(bed->table.usleep(bed->self, 250000), 0);
    assert_in_range(now_us(bed) - before_us, 250000, 250010);
    (void)accepted(bed);
    assert_false(receive(bed, &packet));
}

/* As the runner makes them of what it gathers: cut to what a wire carries, taken whole. */
static void a_large_segment_arrives_whole(void **state)
{
    struct bed *bed = *state;
    uint8_t text[5000];
    int fd = accepted(bed);

    PEER(.flags = ACK | PSH, .seq = bed->iss, .ack = bed->irs, .bytes = sizeof text);
    assert_int_equal(expect(bed, ACK, 0).ack, bed->iss + sizeof text);
    assert_int_equal(bed->table.read(bed->self, fd, text, sizeof text), sizeof text);
    for (unsigned i = 0; i < sizeof text; i++) {
        assert_int_equal(text[i], (uint8_t)i);
    }
}

struct reading {
    struct bed *bed;
    int fd;
    _Atomic pid_t thread;
    ssize_t got;
    long long done_us;
};

static void *read_blocking(void *argument)
{
    struct reading *reading = argument;
    uint8_t text[100];

    reading->thread = gettid();
    reading->got = reading->bed->table.read(reading->bed->self, reading->fd, text, sizeof text);
    reading->done_us = now_us(reading->bed);
    return NULL;
}

/* As the runner finds out whether a call has blocked. */
static void await_sleeping(const struct reading *reading)
{
    char path[64], state = '?';
    FILE *file;

    while (state != 'S') {
        (void)sched_yield();
        (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", reading->thread);
        file = fopen(path, "re");
        if (file) {
            assert_in_range(fscanf(file, "%*d (%*[^)]) %c", &state), 0, 1);
            (void)fclose(file);
        }
    }
}

/* A call on a second thread sleeps while the runner's moves the time, and wakes at the time of
 * what it waited for, not at a later one. */
static void a_blocked_call_wakes_in_time(void **state)
{
    struct bed *bed = *state;
    struct reading reading = {.bed = bed, .fd = accepted(bed)};
    pthread_t thread;
    long long sent_us;

    assert_int_equal(pthread_create(&thread, NULL, read_blocking, &reading), 0);
    await_sleeping(&reading);
    bed->table.usleep(bed->self, 100000);
    PEER(.flags = ACK | PSH, .seq = bed->iss, .ack = bed->irs, .bytes = 70);
    sent_us = now_us(bed);
    bed->table.usleep(bed->self, 500000);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(reading.got, 70);
    assert_in_range(reading.done_us, sent_us - 10, sent_us + 10);
}

/* Short segments fill their frames before their bytes: who waits to write is not asked over and
 * over meanwhile. Nobody acknowledges, so that the call ends when the runner would give up. */
static void a_writer_waits_for_room(void **state)
{
    struct bed *bed = *state;
    int bytes = 2304, segment = 88, listener = listening(bed);
    static const uint8_t text[2 * 2304];
    int fd;

    assert_int_equal(bed->table.setsockopt(bed->self, listener, IPPROTO_TCP, TCP_MAXSEG, &segment,
                                           sizeof segment),
                     0);
    shake_hands(bed);
    fd = bed->table.accept(bed->self, listener, NULL, NULL);
    assert_int_equal(
        bed->table.setsockopt(bed->self, fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    (void)alarm(20);
    assert_in_range(bed->table.write(bed->self, fd, text, sizeof text), 1, sizeof text - 1);
    (void)alarm(0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_server_reads_writes_and_closes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_connects_without_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(time_passes_while_a_packet_is_awaited, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_to_come_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_segment_arrives_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_blocked_call_wakes_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_writer_waits_for_room, setup, teardown),
    };

    return argc > 1 && bed_load(argv[1]) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
