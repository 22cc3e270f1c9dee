#include "tests/packetdrill/test_bed.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*init)(const char *flags, struct packetdrill_interface *table);

bool bed_load(const char *path)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!object) {
        (void)fprintf(stderr, "%s\n", dlerror());
        return false;
    }
    *(void **)&init = dlsym(object, "packetdrill_interface_init");
    return init != NULL;
}

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

/* Their bytes, filled up to words. */
static unsigned write_options(uint8_t *at, const struct packet *packet)
{
    static const uint8_t of_a_syn[] = {2, 4, SEGMENT >> 8, SEGMENT & 0xff, 4, 2};
    unsigned bytes = packet->flags & SYN ? sizeof of_a_syn : 0;

    memcpy(at, of_a_syn, bytes);
    if (packet->fast_open) {
        put(at + bytes, 2, 34u << 8 | (2 + packet->cookie_bytes));
        memcpy(at + bytes + 2, packet->cookie, packet->cookie_bytes);
        bytes += 2 + packet->cookie_bytes;
    }
    if (packet->sack) {
        put(at + bytes, 2, 5u << 8 | 10u);
        put(at + bytes + 2, 4, packet->sack_start);
        put(at + bytes + 6, 4, packet->sack_end);
        bytes += 10;
    }
    while (bytes % 4 != 0) {
        at[bytes++] = 1;
    }
    return bytes;
}

void inject(struct bed *bed, const struct packet *packet)
{
    uint8_t options[40];
    unsigned options_bytes = write_options(options, packet);
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
        packet->window_scale |= at[0] == 3;
        packet->sack |= at[0] == 5;
        packet->accurate_ecn |= at[0] == 172 || at[0] == 174;
        if (at[0] == 3) {
            packet->window_shift = at[2];
        } else if (at[0] == 34) {
            packet->fast_open = true;
            packet->cookie_bytes = bytes - 2;
            assert_in_range(packet->cookie_bytes, 0, COOKIE_BYTES);
            memcpy(packet->cookie, at + 2, packet->cookie_bytes);
        }
        at += bytes;
        length -= bytes;
    }
}

bool receive(struct bed *bed, struct packet *packet)
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
    packet->window = (uint16_t)get(tcp + 14, 2);
    packet->ttl = (uint8_t)get(bed->bytes + 8, 1);
    packet->tos = (uint8_t)get(bed->bytes + 1, 1);
    packet->bytes = (unsigned)bytes - IPV4_BYTES - header_bytes;
    read_options(tcp + TCP_BYTES, header_bytes - TCP_BYTES, packet);
    return true;
}

struct packet expect(struct bed *bed, unsigned flags, unsigned bytes)
{
    struct packet packet;

    assert_true(receive(bed, &packet));
    assert_int_equal(packet.flags, flags);
    assert_int_equal(packet.bytes, bytes);
    return packet;
}

long long now_us(struct bed *bed)
{
    struct timeval time;

    assert_int_equal(bed->table.gettimeofday(bed->self, &time, NULL), 0);
    return time.tv_sec * 1000000LL + time.tv_usec;
}

struct sockaddr_in address(uint32_t ip, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(ip)}};
}

void open_bed(struct bed *bed, const char *flags)
{
    init(flags, &bed->table);
    bed->self = bed->table.userdata;
    bed->iss = 5000;
}

int setup(void **state)
{
    *state = calloc(1, sizeof(struct bed));
    assert_non_null(*state);
    open_bed(*state, NULL);
    return 0;
}

int teardown(void **state)
{
    struct bed *bed = *state;

    bed->table.free(bed->self);
    free(bed);
    return 0;
}

int listening(struct bed *bed)
{
    struct sockaddr_in any = address(0, LOCAL_PORT);
    int fd = bed->table.socket(bed->self, AF_INET, SOCK_STREAM, IPPROTO_TCP);

    assert_true(fd >= 0);
    assert_int_equal(bed->table.bind(bed->self, fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(bed->table.listen(bed->self, fd, 1), 0);
    return fd;
}

void shake_hands(struct bed *bed)
{
    struct packet packet;

    PEER(.flags = SYN, .seq = bed->iss);
    packet = expect(bed, SYN | ACK, 0);
    assert_int_equal(packet.ack, bed->iss + 1);
    bed->iss++;
    bed->irs = packet.seq + 1;
    PEER(.flags = ACK, .seq = bed->iss, .ack = bed->irs);
}

int accepted(struct bed *bed)
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
