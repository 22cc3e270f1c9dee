/*
 * Goal:   the object that packetdrill loads does what the runner expects of it, so that it
 *         does not rot where there is no packetdrill.
 * Method: it is loaded by its name, as the runner does it, and driven through the table that it
 *         fills: calls of an application, packets from IPv4 headers on, virtual time. Packets
 *         are written and read here, without the code under test.
 */
#include "tests/packetdrill/interface.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FIN 0x01u
#define SYN 0x02u
#define PSH 0x08u
#define ACK 0x10u
#define LOCAL 0xc0a80001u  /* 192.168.0.1 */
#define REMOTE 0xc0000201u /* 192.0.2.1 */
#define LOCAL_PORT 8080u
#define REMOTE_PORT 40000u
#define PACKET_BYTES 65536u
#define IPV4_BYTES 20u
#define TCP_BYTES 20u

static const char *object_path;
static void (*init)(const char *flags, struct packetdrill_interface *table);

/* One packet in either direction; sequence numbers as they stand on the wire. */
struct packet {
    unsigned flags;
    uint32_t seq, ack;
    uint16_t local_port, remote_port; /* the stack's, and the peer's */
    unsigned bytes;                   /* of text */
    bool sack_permitted;              /* in the options of a SYN */
    bool timestamps;
    long long at_us;
};

struct bed {
    struct packetdrill_interface table;
    void *self;
    uint32_t iss, irs; /* the peer's next number, the stack's */
    uint8_t bytes[PACKET_BYTES];
};

static uint32_t get(const uint8_t *at, unsigned bytes)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static void put(uint8_t *at, unsigned bytes, uint32_t value)
{
    for (unsigned i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    }
}

static uint16_t sum(const uint8_t *at, unsigned length, uint32_t start)
{
    uint64_t total = start;

    for (unsigned i = 0; i < length; i++) {
        total += (uint32_t)at[i] << (i % 2 == 0 ? 8 : 0);
    }
    while (total >> 16) {
        total = (total & 0xffff) + (total >> 16);
    }
    return (uint16_t)total;
}

static uint32_t pseudo_sum(unsigned l4_bytes)
{
    return (LOCAL >> 16) + (LOCAL & 0xffff) + (REMOTE >> 16) + (REMOTE & 0xffff) + IPPROTO_TCP +
           l4_bytes;
}

/* The peer's packet arrives. Its SYN has an MSS of 1460, SACK and no scaling. */
static void inject(struct bed *bed, const struct packet *packet)
{
    static const uint8_t options[] = {2, 4, 0x05, 0xb4, 4, 2, 1, 1};
    unsigned options_bytes = packet->flags & SYN ? sizeof options : 0;
    unsigned l4_bytes = TCP_BYTES + options_bytes + packet->bytes;
    uint8_t *ip = bed->bytes;
    uint8_t *tcp = ip + IPV4_BYTES;

    memset(ip, 0, IPV4_BYTES + TCP_BYTES);
    put(ip, 1, 0x45);
    put(ip + 2, 2, IPV4_BYTES + l4_bytes);
    put(ip + 8, 2, 64u << 8 | IPPROTO_TCP);
    put(ip + 12, 4, REMOTE);
    put(ip + 16, 4, LOCAL);
    put(ip + 10, 2, (uint16_t)~sum(ip, IPV4_BYTES, 0));
    put(tcp, 2, packet->remote_port);
    put(tcp + 2, 2, packet->local_port);
    put(tcp + 4, 4, packet->seq);
    put(tcp + 8, 4, packet->ack);
    put(tcp + 12, 2, (TCP_BYTES + options_bytes) << 10 | packet->flags);
    put(tcp + 14, 2, 65535);
    memcpy(tcp + TCP_BYTES, options, options_bytes);
    for (unsigned i = 0; i < packet->bytes; i++) {
        tcp[TCP_BYTES + options_bytes + i] = (uint8_t)i;
    }
    put(tcp + 16, 2, (uint16_t)~sum(tcp, l4_bytes, pseudo_sum(l4_bytes)));
    assert_int_equal(bed->table.netdev_send(bed->self, ip, IPV4_BYTES + l4_bytes), 0);
}

static void read_options(const uint8_t *at, unsigned length, struct packet *packet)
{
    while (length > 0) {
        unsigned bytes = at[0] == 1 ? 1 : at[1];

        assert_in_range(bytes, 1, length);
        packet->sack_permitted |= at[0] == 4;
        packet->timestamps |= at[0] == 8;
        at += bytes;
        length -= bytes;
    }
}

/* The next packet of the stack, in virtual time; false when none is to come. */
static bool receive(struct bed *bed, struct packet *packet)
{
    size_t bytes = sizeof bed->bytes;
    const uint8_t *tcp = bed->bytes + IPV4_BYTES;
    unsigned header_bytes;

    memset(packet, 0, sizeof *packet);
    assert_int_equal(bed->table.netdev_receive(bed->self, bed->bytes, &bytes, &packet->at_us), 0);
    if (bytes == 0) {
        return false;
    }
    assert_in_range(bytes, IPV4_BYTES + TCP_BYTES, 1500);
    assert_int_equal(get(bed->bytes, 1), 0x45);
    assert_int_equal(get(bed->bytes + 2, 2), bytes);
    assert_int_equal(get(bed->bytes + 12, 4), LOCAL);
    assert_int_equal(get(bed->bytes + 16, 4), REMOTE);
    assert_int_equal(sum(bed->bytes, IPV4_BYTES, 0), 0xffff);
    assert_int_equal(
        sum(tcp, (unsigned)bytes - IPV4_BYTES, pseudo_sum((unsigned)bytes - IPV4_BYTES)), 0xffff);
    header_bytes = get(tcp + 12, 1) / 16 * 4;
    packet->local_port = (uint16_t)get(tcp, 2);
    packet->remote_port = (uint16_t)get(tcp + 2, 2);
    packet->seq = get(tcp + 4, 4);
    packet->ack = get(tcp + 8, 4);
    packet->flags = get(tcp + 12, 2) & 0x1ff;
    packet->bytes = (unsigned)bytes - IPV4_BYTES - header_bytes;
    read_options(tcp + TCP_BYTES, header_bytes - TCP_BYTES, packet);
    return true;
}

#define PEER(...)                                                                                  \
    inject(bed, &(struct packet){.local_port = LOCAL_PORT, .remote_port = REMOTE_PORT, __VA_ARGS__})

static struct packet expect(struct bed *bed, unsigned flags, unsigned bytes)
{
    struct packet packet;

    assert_true(receive(bed, &packet));
    assert_int_equal(packet.flags, flags);
    assert_int_equal(packet.bytes, bytes);
    return packet;
}

static long long now_us(struct bed *bed)
{
    struct timeval time;

    assert_int_equal(bed->table.gettimeofday(bed->self, &time, NULL), 0);
    return time.tv_sec * 1000000LL + time.tv_usec;
}

static struct sockaddr_in address(uint32_t ip, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(ip)}};
}

static void open_bed(struct bed *bed, const char *flags)
{
    init(flags, &bed->table);
    bed->self = bed->table.userdata;
    bed->iss = 5000;
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct bed));
    assert_non_null(*state);
    open_bed(*state, NULL);
    return 0;
}

static int teardown(void **state)
{
    struct bed *bed = *state;

    bed->table.free(bed->self);
    free(bed);
    return 0;
}

static int listening(struct bed *bed)
{
    struct sockaddr_in any = address(0, LOCAL_PORT);
    int fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM, IPPROTO_TCP);

    assert_true(fd >= 0);
    assert_int_equal(bed->table.bind(bed->self, fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(bed->table.listen(bed->self, fd, 1), 0);
    return fd;
}

static void shake_hands(struct bed *bed)
{
    struct packet packet;

    PEER(.flags = SYN, .seq = bed->iss);
    packet = expect(bed, SYN | ACK, 0);
    assert_int_equal(packet.ack, bed->iss + 1);
    bed->iss++;
    bed->irs = packet.seq + 1;
    PEER(.flags = ACK, .seq = bed->iss, .ack = bed->irs);
}

static int accepted(struct bed *bed)
{
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    int listener = listening(bed);
    int fd;

    shake_hands(bed);
    fd = bed->table.accept(bed->self, listener, (struct sockaddr *)&peer, &length);
    assert_true(fd >= 0 && fd != listener);
    assert_int_equal(length, sizeof peer);
    assert_int_equal(ntohs(peer.sin_port), REMOTE_PORT);
    assert_int_equal(ntohl(peer.sin_addr.s_addr), REMOTE);
    return fd;
}

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

/* What a script sets by sysctl is what the next socket has. */
static void sysctls_reach_the_stack(void **state)
{
    struct bed *bed = *state;
    char folder[] = "/tmp/headrace_sysctl_XXXXXX";
    char path[64], flags[64];
    struct sockaddr_in to = address(REMOTE, REMOTE_PORT);
    struct packet syn;
    FILE *file;
    int fd;

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/tcp_timestamps", folder);
    (void)snprintf(flags, sizeof flags, "sysctl=%s", folder);
    bed->table.free(bed->self);
    open_bed(bed, flags);
    file = fopen(path, "we");
    assert_non_null(file);
    (void)fputs("0\n", file);
    (void)fclose(file);
    fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
    (void)bed->table.connect(bed->self, fd, (struct sockaddr *)&to, sizeof to);
    syn = expect(bed, SYN, 0);
    assert_true(syn.sack_permitted && !syn.timestamps);
    (void)unlink(path);
    (void)rmdir(folder);
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
        cmocka_unit_test_setup_teardown(sysctls_reach_the_stack, setup, teardown),
    };
    void *object;

    object_path = argc > 1 ? argv[1] : "";
    object = dlopen(object_path, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        (void)fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    *(void **)&init = dlsym(object, "packetdrill_interface_init");
    return init ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
