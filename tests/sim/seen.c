#include "tests/sim/seen.h"

#include "datapath/net/checksum.h"
#include "datapath/net/headers.h"
#include "tcp/options.h"
#include "tests/sim/host.h"

#include <netinet/in.h>
#include <string.h>

static bool is_v6(const struct wire_sight *sight)
{
    return be16_load(sight->bytes + 12) == ETHERTYPE_IPV6;
}

static bool is_tcp(const struct wire_sight *sight)
{
    const uint8_t *l3 = sight->bytes + ETHERNET_HEADER_BYTES;
    bool v6 = is_v6(sight);

    return (v6 || be16_load(sight->bytes + 12) == ETHERTYPE_IPV4) &&
           (v6 ? l3[6] : l3[9]) == IPPROTO_TCP;
}

static const uint8_t *tcp_header(const struct wire_sight *sight)
{
    return sight->bytes + ETHERNET_HEADER_BYTES +
           (is_v6(sight) ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES);
}

bool seen_read(const struct wire_sight *sight, struct seen *seen)
{
    struct tcp_segment *seg = &seen->seg;
    const uint8_t *l3 = sight->bytes + ETHERNET_HEADER_BYTES;
    const uint8_t *at = tcp_header(sight);
    unsigned header_bytes;

    if (!is_tcp(sight)) {
        return false;
    }
    memset(seg, 0, sizeof *seg);
    header_bytes = (at[12] >> 4) * 4u;
    seen->ports[0] = be16_load(at);
    seen->ports[1] = be16_load(at + 2);
    seen->text = at + header_bytes;
    seen->option_bytes = header_bytes - TCP_HEADER_BYTES;
    seen->ecn = (is_v6(sight) ? l3[1] >> 4 : l3[1]) & 3u;
    seg->seq = be32_load(at + 4);
    seg->ack = be32_load(at + 8);
    seg->flags = be16_load(at + 12) & 0x1ff;
    seg->window = be16_load(at + 14);
    seg->payload.length = (uint16_t)(sight->length - (uint32_t)(at - sight->bytes) - header_bytes);
    tcp_options_parse(at + TCP_HEADER_BYTES, header_bytes - TCP_HEADER_BYTES, seg);
    return true;
}

/* IPv6 has no checksum of its own: only the pseudo header's covers its addresses. */
static bool has_ends(const uint8_t *addresses, unsigned from)
{
    struct ip_addr source = host_addr(from, true);
    struct ip_addr target = host_addr(!from, true);

    return memcmp(addresses, &source, sizeof source) == 0 &&
           memcmp(addresses + sizeof source, &target, sizeof target) == 0;
}

bool seen_is_intact(const struct wire_sight *sight)
{
    const uint8_t *l3 = sight->bytes + ETHERNET_HEADER_BYTES;
    const uint8_t *at = tcp_header(sight);
    struct mac_addr to = host_mac(!sight->from);
    bool v6 = is_v6(sight);
    struct ip_addr ends[2] = {host_addr(0, v6), host_addr(1, v6)};
    uint32_t l3_bytes = sight->length - ETHERNET_HEADER_BYTES;
    uint16_t bytes = (uint16_t)(l3_bytes - (uint32_t)(at - l3));
    uint16_t sum;

    if (!is_tcp(sight) || memcmp(sight->bytes, &to, sizeof to) != 0 ||
        (v6 ? be16_load(l3 + 4) != bytes || l3[0] >> 4 != 6 || !has_ends(l3 + 8, sight->from)
            : be16_load(l3 + 2) != l3_bytes || checksum_sum(l3, IPV4_HEADER_BYTES) != 0xffff)) {
        return false;
    }
    sum = checksum_add(checksum_sum(at, bytes), checksum_length(bytes));
    return checksum_add(sum, checksum_pseudo(&ends[0], &ends[1], IPPROTO_TCP)) == 0xffff;
}
