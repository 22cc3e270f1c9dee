#include "tests/fuzz/packet.h"

#include "datapath/net/checksum.h"
#include "datapath/net/headers.h"
#include "tcp/limits.h"
#include "tcp/options.h"
#include "tests/fuzz/fuzz.h"

#include <netinet/in.h>

#define TCP_CHECKSUM_AT 16u
#define UDP_CHECKSUM_AT 6u
#define ICMP_CHECKSUM_AT 2u

/* Where the parts of a packet are, as far as they can be told. */
struct parts {
    uint8_t *l3;
    uint8_t *l4;
    unsigned l4_length;
    uint8_t protocol;
    bool v6;
};

static void store_sum(uint8_t *at, uint16_t sum)
{
    memcpy(at, &sum, sizeof sum);
}

static uint16_t transport_sum(const struct ip_addr *a, const struct ip_addr *b, uint8_t protocol,
                              const uint8_t *l4, unsigned length)
{
    uint16_t sum = checksum_pseudo(a, b, protocol);

    sum = checksum_add(sum, checksum_length((uint16_t)length));
    return checksum_add(sum, checksum_sum(l4, length));
}

static uint8_t *write_ethernet(uint8_t *at, uint16_t type)
{
    memcpy(at, bed_mac.bytes, 6);
    memcpy(at + 6, bed_peer_mac.bytes, 6);
    at += 12;
    if (bed.config.vlan != 0) {
        be16_store(at, ETHERTYPE_VLAN);
        be16_store(at + 2, bed.config.vlan);
        at += VLAN_TAG_BYTES;
    }
    be16_store(at, type);
    return at + 2;
}

static uint8_t *write_ipv4(uint8_t *at, const struct tcp_tuple *tuple, uint8_t protocol,
                           unsigned l4_length)
{
    memset(at, 0, IPV4_HEADER_BYTES);
    at[0] = 0x45;
    be16_store(at + 2, (uint16_t)(IPV4_HEADER_BYTES + l4_length));
    at[8] = NET_TTL;
    at[9] = protocol;
    memcpy(at + 12, tuple->remote.bytes + 12, 4);
    memcpy(at + 16, tuple->local.bytes + 12, 4);
    store_sum(at + 10, (uint16_t)~checksum_sum(at, IPV4_HEADER_BYTES));
    return at + IPV4_HEADER_BYTES;
}

static uint8_t *write_ipv6(uint8_t *at, const struct tcp_tuple *tuple, uint8_t protocol,
                           unsigned l4_length)
{
    be32_store(at, 0x60000000);
    be16_store(at + 4, (uint16_t)l4_length);
    at[6] = protocol;
    at[7] = NET_TTL;
    memcpy(at + 8, tuple->remote.bytes, 16);
    memcpy(at + 24, tuple->local.bytes, 16);
    return at + IPV6_HEADER_BYTES;
}

static void write_tcp(uint8_t *at, const struct packet_segment *seg)
{
    be16_store(at, seg->tuple.remote_port);
    be16_store(at + 2, seg->tuple.local_port);
    be32_store(at + 4, seg->seq);
    be32_store(at + 8, seg->ack);
    be16_store(at + 12, (uint16_t)((TCP_HEADER_BYTES + seg->options_length) << 10 | seg->flags));
    be16_store(at + 14, seg->window);
    be16_store(at + TCP_CHECKSUM_AT, 0);
    be16_store(at + 18, seg->urgent);
    at += TCP_HEADER_BYTES;
    memcpy(at, seg->options, seg->options_length);
    if (seg->payload_length > 0) {
        memcpy(at + seg->options_length, seg->payload, seg->payload_length);
    }
}

void packet_write(struct bed_packet *out, const struct packet_segment *seg)
{
    unsigned length = TCP_HEADER_BYTES + seg->options_length + seg->payload_length;
    bool v4 = ip_addr_is_v4(&seg->tuple.local);
    uint8_t *l3 = write_ethernet(out->bytes, v4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
    uint8_t *l4;

    FUZZ_CHECK(length <= 1500 - IPV6_HEADER_BYTES);
    l4 = v4 ? write_ipv4(l3, &seg->tuple, IPPROTO_TCP, length)
            : write_ipv6(l3, &seg->tuple, IPPROTO_TCP, length);
    write_tcp(l4, seg);
    store_sum(l4 + TCP_CHECKSUM_AT, (uint16_t)~transport_sum(&seg->tuple.local, &seg->tuple.remote,
                                                             IPPROTO_TCP, l4, length));
    out->length = (uint16_t)(l4 + length - out->bytes);
    if (v4 && seg->tos != 0) {
        l3[1] = seg->tos;
        store_sum(l3 + 10, 0);
        store_sum(l3 + 10, (uint16_t)~checksum_sum(l3, IPV4_HEADER_BYTES));
    } else if (!v4) {
        be16_store(l3, (uint16_t)(0x6000 | seg->tos << 4));
    }
}

void packet_write_icmp(struct bed_packet *out, const struct packet_icmp *icmp)
{
    struct tcp_tuple turned = {.local = icmp->tuple.remote, .remote = icmp->tuple.local};
    unsigned length = ICMP_HEADER_BYTES + IPV4_HEADER_BYTES + 8;
    uint8_t *l4 =
        write_ipv4(write_ethernet(out->bytes, ETHERTYPE_IPV4), &icmp->tuple, IPPROTO_ICMP, length);
    uint8_t *quoted;

    l4[0] = icmp->type;
    l4[1] = icmp->code;
    be16_store(l4 + ICMP_CHECKSUM_AT, 0);
    be16_store(l4 + 4, 0);
    be16_store(l4 + 6, icmp->mtu);
    quoted = write_ipv4(l4 + ICMP_HEADER_BYTES, &turned, IPPROTO_TCP, TCP_HEADER_BYTES);
    be16_store(quoted, icmp->tuple.local_port);
    be16_store(quoted + 2, icmp->tuple.remote_port);
    be32_store(quoted + 4, icmp->seq);
    store_sum(l4 + ICMP_CHECKSUM_AT, (uint16_t)~checksum_sum(l4, length));
    out->length = (uint16_t)(l4 + length - out->bytes);
}

static bool find_ipv4(struct parts *parts, const uint8_t *end)
{
    unsigned header_bytes = (parts->l3[0] & 15u) * 4;

    if (end - parts->l3 < (int)IPV4_HEADER_BYTES || header_bytes < IPV4_HEADER_BYTES ||
        end - parts->l3 < (int)header_bytes) {
        return false;
    }
    parts->protocol = parts->l3[9];
    parts->l4 = parts->l3 + header_bytes;
    return true;
}

static bool find_ipv6(struct parts *parts, const uint8_t *end)
{
    if (end - parts->l3 < (int)IPV6_HEADER_BYTES) {
        return false;
    }
    parts->v6 = true;
    parts->protocol = parts->l3[6];
    parts->l4 = parts->l3 + IPV6_HEADER_BYTES;
    return true;
}

/* By the lengths of the packet, not by what it says of itself. */
static bool find(uint8_t *packet, unsigned length, struct parts *parts)
{
    const uint8_t *end = packet + length;
    uint16_t type;
    bool found;

    *parts = (struct parts){.l3 = packet + ETHERNET_HEADER_BYTES};
    if (length < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES) {
        return false;
    }
    type = be16_load(packet + 12);
    if (type == ETHERTYPE_VLAN) {
        type = be16_load(packet + 16);
        parts->l3 += VLAN_TAG_BYTES;
    }
    found = (type == ETHERTYPE_IPV4 && find_ipv4(parts, end)) ||
            (type == ETHERTYPE_IPV6 && find_ipv6(parts, end));
    parts->l4_length = found ? (unsigned)(end - parts->l4) : 0;
    return found;
}

static struct ip_addr address(const struct parts *parts, bool source)
{
    struct ip_addr addr;

    if (!parts->v6) {
        return ip_addr_v4(be32_load(parts->l3 + (source ? 12 : 16)));
    }
    memcpy(addr.bytes, parts->l3 + (source ? 8 : 24), sizeof addr.bytes);
    return addr;
}

static void mend_addresses(const struct parts *parts)
{
    struct ip_addr local = bed_local(parts->v6);
    struct ip_addr remote = bed_remote(parts->v6);

    if (parts->v6) {
        memcpy(parts->l3 + 8, remote.bytes, 16);
        memcpy(parts->l3 + 24, local.bytes, 16);
    } else {
        memcpy(parts->l3 + 12, remote.bytes + 12, 4);
        memcpy(parts->l3 + 16, local.bytes + 12, 4);
    }
}

static void mend_ip(const struct parts *parts)
{
    unsigned header_bytes = (unsigned)(parts->l4 - parts->l3);

    if (parts->v6) {
        parts->l3[0] = (uint8_t)(0x60 | (parts->l3[0] & 15));
        be16_store(parts->l3 + 4, (uint16_t)parts->l4_length);
        return;
    }
    parts->l3[0] = (uint8_t)(0x40 | (parts->l3[0] & 15));
    be16_store(parts->l3 + 2, (uint16_t)(header_bytes + parts->l4_length));
    store_sum(parts->l3 + 10, 0);
    store_sum(parts->l3 + 10, (uint16_t)~checksum_sum(parts->l3, header_bytes));
}

static void mend_l4(const struct parts *parts)
{
    struct ip_addr from = address(parts, true);
    struct ip_addr to = address(parts, false);
    unsigned at;
    bool icmp = parts->protocol == IPPROTO_ICMP;

    switch (parts->protocol) {
    case IPPROTO_TCP:
        at = TCP_CHECKSUM_AT;
        break;
    case IPPROTO_UDP:
        at = UDP_CHECKSUM_AT;
        break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        at = ICMP_CHECKSUM_AT;
        break;
    default:
        return;
    }
    if (parts->l4_length >= at + 2) {
        store_sum(parts->l4 + at, 0);
        store_sum(parts->l4 + at, (uint16_t) ~(icmp ? checksum_sum(parts->l4, parts->l4_length)
                                                    : transport_sum(&from, &to, parts->protocol,
                                                                    parts->l4, parts->l4_length)));
    }
}

void packet_mend(struct bed_packet *packet, unsigned mend)
{
    struct parts parts;

    if (mend & PACKET_MEND_LINK && packet->length >= 6) {
        memcpy(packet->bytes, bed_mac.bytes, 6);
    }
    if (!find(packet->bytes, packet->length, &parts)) {
        return;
    }
    if (mend & PACKET_MEND_ADDRESSES) {
        mend_addresses(&parts);
    }
    if (mend & PACKET_MEND_IP) {
        mend_ip(&parts);
    }
    if (mend & PACKET_MEND_L4) {
        mend_l4(&parts);
    }
}

uint8_t *packet_tcp(struct bed_packet *packet)
{
    struct parts parts;

    return find(packet->bytes, packet->length, &parts) && parts.protocol == IPPROTO_TCP &&
                   parts.l4_length >= TCP_HEADER_BYTES
               ? parts.l4
               : NULL;
}

static void read_tcp(const struct parts *parts, const struct ip_addr ends[2],
                     struct packet_sight *out)
{
    const uint8_t *l4 = parts->l4;
    unsigned header_bytes = (l4[12] >> 4) * 4u;

    FUZZ_CHECK(parts->l4_length >= TCP_HEADER_BYTES);
    FUZZ_CHECK(header_bytes >= TCP_HEADER_BYTES && header_bytes <= parts->l4_length);
    FUZZ_CHECK(transport_sum(&ends[0], &ends[1], IPPROTO_TCP, l4, parts->l4_length) == 0xffff);
    *out = (struct packet_sight){
        .tuple = {.local = ends[0],
                  .remote = ends[1],
                  .local_port = be16_load(l4),
                  .remote_port = be16_load(l4 + 2)},
        .seg = {.seq = be32_load(l4 + 4),
                .ack = be32_load(l4 + 8),
                .flags = be16_load(l4 + 12) & 0x1ff,
                .window = be16_load(l4 + 14)},
        .payload = l4 + header_bytes,
    };
    out->seg.payload.length = (uint16_t)(parts->l4_length - header_bytes);
    tcp_options_parse(l4 + TCP_HEADER_BYTES, header_bytes - TCP_HEADER_BYTES, &out->seg);
}

static void check_ip(const struct parts *parts, unsigned ip_bytes)
{
    FUZZ_CHECK(ip_bytes <= bed.config.mtu);
    if (parts->v6) {
        FUZZ_CHECK(be16_load(parts->l3 + 4) == parts->l4_length);
    } else {
        FUZZ_CHECK(parts->l4 - parts->l3 == (int)IPV4_HEADER_BYTES);
        FUZZ_CHECK(be16_load(parts->l3 + 2) == ip_bytes);
        FUZZ_CHECK(checksum_sum(parts->l3, IPV4_HEADER_BYTES) == 0xffff);
    }
}

bool packet_read(const uint8_t *packet, uint16_t length, struct packet_sight *out)
{
    unsigned tag_bytes = bed.config.vlan != 0 ? VLAN_TAG_BYTES : 0;
    struct parts parts;
    struct ip_addr ends[2];

    FUZZ_CHECK(length >= ETHERNET_HEADER_BYTES + tag_bytes + 28);
    FUZZ_CHECK(memcmp(packet + 6, bed_mac.bytes, 6) == 0);
    if (tag_bytes > 0) {
        FUZZ_CHECK(be16_load(packet + 12) == ETHERTYPE_VLAN);
        FUZZ_CHECK((be16_load(packet + 14) & 0xfff) == bed.config.vlan);
    }
    if (be16_load(packet + 12 + tag_bytes) == ETHERTYPE_ARP) {
        FUZZ_CHECK(length == ETHERNET_HEADER_BYTES + tag_bytes + sizeof(struct arp_packet));
        return false;
    }
    FUZZ_CHECK(find((uint8_t *)packet, length, &parts));
    check_ip(&parts, length - ETHERNET_HEADER_BYTES - tag_bytes);
    ends[0] = address(&parts, true);
    ends[1] = address(&parts, false);
    FUZZ_CHECK(ip_addr_is_unicast(&ends[1]) && net_address_is_local(&bed.net, &ends[0]));
    if (parts.protocol == IPPROTO_TCP) {
        read_tcp(&parts, ends, out);
        return true;
    }
    FUZZ_CHECK(parts.protocol == IPPROTO_ICMP);
    FUZZ_CHECK(checksum_sum(parts.l4, parts.l4_length) == 0xffff);
    return false;
}
