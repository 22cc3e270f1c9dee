/*
 * Goal:   the XDP program redirects what is for our own addresses and passes
 *         all else, whatever is in front of it and wherever it is cut off; and
 *         flows choose the slot that user space computes for them.
 * Method: both variants run on crafted packets by the kernel's test facility.
 *         Without a socket, what is ours is dropped (and counted), which tells it
 *         from what passes; with a socket in a slot, it is redirected.
 */
#include "datapath/util.h"
#include "datapath/xdp/abi.h"
#include "datapath/xdp/program.h"
#include "tests/network/place.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PACKET_MAX 256

enum kind { ARP, V4, V4_OPTIONS, V4_FRAGMENT, V6, V6_EXTENSION, LLDP };

struct recipe {
    enum kind kind;
    unsigned tags;      /* VLAN tags in front */
    const char *target; /* destination, or ARP's target */
    uint16_t remote_port;
};

struct packet {
    uint8_t bytes[PACKET_MAX];
    size_t length;
};

static void put(struct packet *packet, const void *bytes, size_t count)
{
    assert_true(packet->length + count <= PACKET_MAX);
    memcpy(packet->bytes + packet->length, bytes, count);
    packet->length += count;
}

static void put16(struct packet *packet, uint16_t value)
{
    put(packet, &(uint8_t[2]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_ports(struct packet *packet, const struct recipe *recipe)
{
    put16(packet, recipe->remote_port);
    put16(packet, 80);
    put(packet, (uint8_t[16]){0}, 16);
}

static void put_arp(struct packet *packet, const struct recipe *recipe)
{
    uint8_t arp[28] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 2};

    assert_int_equal(inet_pton(AF_INET, recipe->target, arp + 24), 1);
    put(packet, arp, sizeof arp);
}

static void put_v4(struct packet *packet, const struct recipe *recipe)
{
    uint8_t ip[24] = {0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2};
    size_t length = 20;

    assert_int_equal(inet_pton(AF_INET, recipe->target, ip + 16), 1);
    if (recipe->kind == V4_OPTIONS) {
        ip[0] = 0x46;
        memset(ip + 20, 1, 4); /* no operation */
        length = 24;
    }
    if (recipe->kind == V4_FRAGMENT) {
        ip[6] = 0x20;
    }
    put(packet, ip, length);
    put_ports(packet, recipe);
}

static void put_v6(struct packet *packet, const struct recipe *recipe)
{
    uint8_t ip[40] = {0x60, 0, 0, 0, 0, 28, 6, 64, 0xfd, 0x99};

    assert_int_equal(inet_pton(AF_INET6, recipe->target, ip + 24), 1);
    if (recipe->kind == V6_EXTENSION) {
        ip[6] = 60; /* destination options, of 8 bytes of padding */
    }
    put(packet, ip, sizeof ip);
    if (recipe->kind == V6_EXTENSION) {
        put(packet, (uint8_t[8]){6, 0, 1, 4}, 8);
    }
    put_ports(packet, recipe);
}

static struct packet cook(const struct recipe *recipe)
{
    static const uint16_t types[] = {
        [ARP] = 0x0806, [V4] = 0x0800,           [V4_OPTIONS] = 0x0800, [V4_FRAGMENT] = 0x0800,
        [V6] = 0x86dd,  [V6_EXTENSION] = 0x86dd, [LLDP] = 0x88cc};
    struct packet packet = {.length = 0};

    put(&packet, (uint8_t[12]){2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1}, 12);
    for (unsigned i = 0; i < recipe->tags; i++) {
        put16(&packet, i == 0 && recipe->tags > 1 ? 0x88a8 : 0x8100);
        put16(&packet, 5);
    }
    put16(&packet, types[recipe->kind]);
    switch (recipe->kind) {
    case ARP:
        put_arp(&packet, recipe);
        break;
    case V4:
    case V4_OPTIONS:
    case V4_FRAGMENT:
        put_v4(&packet, recipe);
        break;
    case V6:
    case V6_EXTENSION:
        put_v6(&packet, recipe);
        break;
    case LLDP:
        put(&packet, (uint8_t[46]){0}, 46);
        break;
    }
    return packet;
}

static uint32_t run(const struct program *program, const void *bytes, size_t length)
{
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes, .data_size_in = (uint32_t)length);

    assert_int_equal(bpf_prog_test_run_opts(program->program.fd, &options), 0);
    return options.retval;
}

static void load(struct program *program, bool frags, uint32_t slots)
{
    static const char *const own[] = {"10.0.0.9", "10.0.0.10", "fd99::9", "fd99::10"};
    const struct program_config config = {
        .queue_count = 2, .slots_per_queue = slots, .frags = frags};
    struct xdp_error error;

    if (program_load(program, &config, &error) != 0) {
        fail_msg("%s", error.text);
    }
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        struct ip_addr addr;

        assert_int_equal(ip_addr_parse(own[i], &addr), 0);
        assert_int_equal(program_add_address(program, &addr, &error), 0);
    }
}

static const struct {
    const char *name;
    struct recipe recipe;
    bool ours;
} cases[] = {
    {"ARP for us", {ARP, 0, "10.0.0.9", 0}, true},
    {"ARP for our second address", {ARP, 0, "10.0.0.10", 0}, true},
    {"ARP for another", {ARP, 0, "10.0.0.1", 0}, false},
    {"gratuitous ARP of another", {ARP, 0, "10.0.0.2", 0}, false},
    {"ARP, tagged", {ARP, 1, "10.0.0.9", 0}, true},
    {"IPv4", {V4, 0, "10.0.0.9", 1}, true},
    {"IPv4, tagged", {V4, 1, "10.0.0.9", 1}, true},
    {"IPv4, two tags", {V4, 2, "10.0.0.9", 1}, true},
    {"IPv4, three tags", {V4, 3, "10.0.0.9", 1}, false},
    {"IPv4 to another", {V4, 0, "10.0.0.8", 1}, false},
    {"IPv4 broadcast", {V4, 0, "10.0.0.255", 1}, false},
    {"IPv4 limited broadcast", {V4, 0, "255.255.255.255", 1}, false},
    {"IPv4 multicast", {V4, 0, "224.0.0.1", 1}, false},
    {"IPv4 with options", {V4_OPTIONS, 0, "10.0.0.9", 1}, true},
    {"IPv4 fragment", {V4_FRAGMENT, 0, "10.0.0.9", 1}, true},
    {"IPv6", {V6, 0, "fd99::9", 1}, true},
    {"IPv6, two tags", {V6, 2, "fd99::10", 1}, true},
    {"IPv6 with an extension header", {V6_EXTENSION, 0, "fd99::9", 1}, true},
    {"IPv6 to another", {V6, 0, "fd99::8", 1}, false},
    {"IPv6 all nodes", {V6, 0, "ff02::1", 1}, false},
    {"neither", {LLDP, 0, NULL, 0}, false},
};

static void ours_is_told_from_the_kernels(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 4; variant++) {
        struct program program;
        uint64_t counted = 0;

        load(&program, variant % 2 == 1, variant < 2 ? 1 : 4);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            struct packet packet = cook(&cases[i].recipe);
            uint32_t action = run(&program, packet.bytes, packet.length);

            counted += cases[i].ours;
            if (action != (cases[i].ours ? XDP_DROP : XDP_PASS) ||
                program.counters->no_socket != counted) {
                fail_msg("%s: action %u", cases[i].name, action);
            }
        }
        program.config->flags = BPF_FLAG_MISSING_PASSES;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            struct packet packet = cook(&cases[i].recipe);

            assert_int_equal(run(&program, packet.bytes, packet.length), XDP_PASS);
        }
        program_close(&program);
    }
}

/* A packet that ends too early to be ours for sure is the kernel's. */
static void short_packets_pass(void **state)
{
    struct program program;

    (void)state;
    load(&program, false, 4);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct packet packet = cook(&cases[i].recipe);
        size_t link_bytes = 14 + 4 * (size_t)cases[i].recipe.tags;
        bool is_v6 = cases[i].recipe.kind == V6 || cases[i].recipe.kind == V6_EXTENSION;
        size_t needed = link_bytes + (cases[i].recipe.kind == ARP ? 28 : is_v6 ? 40 : 20);

        for (size_t length = 14; length < packet.length; length++) {
            uint32_t action = run(&program, packet.bytes, length);
            bool ours = cases[i].ours && length >= needed;

            if (action != (ours ? XDP_DROP : XDP_PASS)) {
                fail_msg("%s cut to %zu: action %u", cases[i].name, length, action);
            }
        }
    }
    program_close(&program);
}

/* An own address that is added is redirected from then on; a full table says so. */
static void table_of_addresses_fills(void **state)
{
    const struct recipe recipe = {V4, 0, "10.0.1.15", 1};
    struct packet packet = cook(&recipe);
    struct program program;
    struct xdp_error error;
    struct ip_addr one_more;

    (void)state;
    load(&program, false, 1);
    assert_int_equal(run(&program, packet.bytes, packet.length), XDP_PASS);
    for (uint32_t i = 2; i < BPF_V4_MAX; i++) {
        struct ip_addr addr = ip_addr_v4(0x0a000100 + i);

        assert_int_equal(program_add_address(&program, &addr, &error), 0);
    }
    assert_int_equal(run(&program, packet.bytes, packet.length), XDP_DROP);
    one_more = ip_addr_v4(0x0a000200);
    assert_true(program_add_address(&program, &one_more, &error) < 0);
    assert_non_null(strstr(error.text, "at most 16 IPv4"));
    assert_int_equal(ip_addr_parse("fd99::11", &one_more), 0); /* the other family has room */
    assert_int_equal(program_add_address(&program, &one_more, &error), 0);
    program_close(&program);
}

static uint32_t expected_slot(const struct recipe *recipe, uint32_t slots)
{
    struct bpf_flow flow = {0};

    if (recipe->kind == V4 || recipe->kind == V4_OPTIONS || recipe->kind == V4_FRAGMENT) {
        assert_int_equal(inet_pton(AF_INET, "10.0.0.2", flow.remote), 1);
        assert_int_equal(inet_pton(AF_INET, recipe->target, flow.local), 1);
    } else {
        assert_int_equal(inet_pton(AF_INET6, "fd99::", flow.remote), 1);
        assert_int_equal(inet_pton(AF_INET6, recipe->target, flow.local), 1);
    }
    if (recipe->kind != V4_FRAGMENT && recipe->kind != V6_EXTENSION) {
        flow.remote_port = htons(recipe->remote_port);
        flow.local_port = htons(80);
    }
    return bpf_flow_slot(&flow, slots);
}

/* One socket in one slot at a time: exactly the flows of that slot find it. */
static void slots_are_what_user_space_computes(void **state)
{
    static const enum kind kinds[] = {V4, V4_OPTIONS, V4_FRAGMENT, V6, V6_EXTENSION};
    const uint32_t slots = 3;
    uint32_t entries = 64;
    unsigned used[3] = {0};

    (void)state;
    for (uint32_t slot = 0; slot < slots; slot++) {
        struct program program;
        struct xdp_error error;
        int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

        assert_int_equal(setsockopt(fd, SOL_XDP, XDP_RX_RING, &entries, sizeof entries), 0);
        load(&program, false, slots);
        assert_int_equal(program_set_socket(&program, 0, slot, fd, &error), 0);
        for (size_t i = 0; i < COUNT_OF(kinds) * 100; i++) {
            const struct recipe recipe = {kinds[i / 100], 0,
                                          kinds[i / 100] >= V6 ? "fd99::9" : "10.0.0.9",
                                          (uint16_t)(1000 + i)};
            struct packet packet = cook(&recipe);
            bool here = expected_slot(&recipe, slots) == slot;

            used[slot] += here && recipe.kind == V4;
            assert_int_equal(run(&program, packet.bytes, packet.length),
                             here ? XDP_REDIRECT : XDP_DROP);
        }
        program_close(&program);
        close(fd);
    }
    assert_int_equal(used[0] + used[1] + used[2], 100);
    for (uint32_t slot = 0; slot < slots; slot++) {
        assert_in_range(used[slot], 20, 47); /* a third, and what chance does */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_is_told_from_the_kernels),
        cmocka_unit_test(short_packets_pass),
        cmocka_unit_test(table_of_addresses_fills),
        cmocka_unit_test(slots_are_what_user_space_computes),
    };

    return cmocka_run_group_tests(tests, place_need_root, NULL);
}
