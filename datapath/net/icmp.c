#include "datapath/net/icmp.h"

#include "datapath/net/checksum.h"
#include "datapath/net/headers.h"
#include "datapath/util.h"

#include <netinet/in.h>
#include <string.h>

enum icmp_type {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_ECHO = 8,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER_PROBLEM = 12,
};

enum {
    ICMP_CODE_PROTOCOL = 2,
    ICMP_CODE_PORT = 3,
    ICMP_CODE_REASSEMBLY = 1, /* of time exceeded */
};

/* Errors sent: 100 a second, 20 at once. Linux's limit is of that order. */
static const struct limit_rate error_rate = {.interval_ns = NS_PER_S / 100,
                                             .burst_ns = 20 * (NS_PER_S / 100)};

/* RFC 1122 section 3.2.2: an error quotes the header and at least 8 bytes. */
static const unsigned quote_bytes_min = 8;
/* RFC 1812 section 4.3.2.3: as much as fits 576 bytes. */
static const uint16_t error_bytes_max = 576;

/* The class of each code of "destination unreachable" (RFC 1122 3.2.2.1). */
static const uint8_t unreachable_classes[] = {
    NET_ICMP_NET_UNREACH,  NET_ICMP_HOST_UNREACH, NET_ICMP_PROTO_UNREACH, NET_ICMP_PORT_UNREACH,
    NET_ICMP_FRAG_NEEDED,  NET_ICMP_HOST_UNREACH, NET_ICMP_NET_UNREACH,   NET_ICMP_HOST_UNREACH,
    NET_ICMP_HOST_UNREACH, NET_ICMP_PROHIBITED,   NET_ICMP_PROHIBITED,    NET_ICMP_NET_UNREACH,
    NET_ICMP_HOST_UNREACH, NET_ICMP_PROHIBITED,   NET_ICMP_PROHIBITED,    NET_ICMP_PROHIBITED,
};

static enum net_icmp_class class_of(uint8_t type, uint8_t code)
{
    switch (type) {
    case ICMP_UNREACHABLE:
        return code < COUNT_OF(unreachable_classes) ? (enum net_icmp_class)unreachable_classes[code]
                                                    : NET_ICMP_NONE;
    case ICMP_TIME_EXCEEDED:
        return NET_ICMP_TIME_EXCEEDED;
    case ICMP_PARAMETER_PROBLEM:
        return NET_ICMP_PARAM_PROBLEM;
    default: /* source quench too is silently dropped (MUST-55) */
        return NET_ICMP_NONE;
    }
}

/* The reply is the request with the addresses turned round. The request stands
 * in a frame of its own, which goes out again. The ECN bits are not echoed: they
 * would speak of another path. */
static void answer_echo(struct net *net, const struct packet *packet, uint64_t now_ns)
{
    uint8_t *l4 = frame_data(net->pool, packet->frame) + packet->l4_offset;
    struct net_header header = {
        .local = &packet->dst,
        .remote = &packet->src,
        .protocol = IPPROTO_ICMP,
        .tos = packet->tos & 0xfc,
        .ttl = NET_TTL,
        .l4_length = packet->l4_length,
    };
    uint16_t stored;

    /* It came in fragments, and we send none. */
    if (IPV4_HEADER_BYTES + packet->l4_length > net->mtu) {
        net->counters.icmp_too_long++;
        return;
    }
    /* Only the type changes, so only its difference is taken out of the sum
     * (RFC 1624); it is the first byte of a word in memory. The difference of
     * equals is 0xffff here, the complement of which is wrong for a reply of
     * zeros only; 0xffff in its place is right for all. */
    memcpy(&stored, l4 + 2, sizeof stored);
    stored = (uint16_t)~checksum_sub((uint16_t)~stored, ICMP_ECHO);
    stored = stored == 0 ? 0xffff : stored;
    memcpy(l4 + 2, &stored, sizeof stored);
    l4[0] = ICMP_ECHO_REPLY;
    net->counters.icmp_echos++;
    net_send_stateless(net, packet->frame, &header, l4, now_ns);
}

/* The packet that the error is about starts the quote: was it ours, and whose? */
static bool parse_quote(const struct net *net, const uint8_t *quote, unsigned length,
                        struct net_icmp_error *error)
{
    struct ipv4_header ip;
    unsigned header_bytes;

    if (length < sizeof ip) {
        return false;
    }
    memcpy(&ip, quote, sizeof ip);
    header_bytes = (ip.version_words & 15u) * 4;
    if (ip.version_words >> 4 != 4 || header_bytes < sizeof ip ||
        length < header_bytes + quote_bytes_min || (be16_get(ip.fragment) & 0x1fff) != 0) {
        return false;
    }
    error->protocol = ip.protocol;
    error->local = ip_addr_v4(be32_get(ip.src));
    error->remote = ip_addr_v4(be32_get(ip.dst));
    error->local_port = be16_load(quote + header_bytes);
    error->remote_port = be16_load(quote + header_bytes + 2);
    error->seq = be32_load(quote + header_bytes + 4);
    return net_address_is_local(net, &error->local);
}

static void take_error(struct net *net, const struct packet *packet, uint64_t now_ns)
{
    const uint8_t *l4 = frame_data(net->pool, packet->frame) + packet->l4_offset;
    struct net_icmp_error error = {.class = (uint8_t)class_of(l4[0], l4[1]), .packet = packet};

    if (error.class == NET_ICMP_NONE) {
        net->counters.icmp_ignored++;
        return;
    }
    if (!parse_quote(net, l4 + ICMP_HEADER_BYTES, packet->l4_length - ICMP_HEADER_BYTES, &error)) {
        net->counters.drop_icmp++;
        return;
    }
    if (error.class == NET_ICMP_FRAG_NEEDED) {
        error.mtu = be16_load(l4 + 6);
    }
    net->counters.icmp_errors_in++;
    net->transport->icmp_error(net->transport_ctx, &error, now_ns);
}

void icmp_input(struct net *net, const struct packet *packet, uint64_t now_ns)
{
    const uint8_t *l4 = frame_data(net->pool, packet->frame) + packet->l4_offset;

    if (packet->l4_length < ICMP_HEADER_BYTES || checksum_sum(l4, packet->l4_length) != 0xffff) {
        net->counters.drop_icmp++;
        return;
    }
    /* An echo to a group may go unanswered (RFC 1122 section 3.2.2.6), which stops
     * amplification; no error is sent to a group. */
    if (packet->flags & PACKET_TO_GROUP) {
        net->counters.icmp_ignored++;
    } else if (l4[0] == ICMP_ECHO) {
        answer_echo(net, packet, now_ns);
    } else {
        take_error(net, packet, now_ns);
    }
}

struct error_kind {
    uint8_t type;
    uint8_t code;
};

/* A packet that quotes the one that it is about, as much of it as may be. */
static void send_error(struct net *net, const struct packet *packet, struct error_kind kind,
                       uint64_t now_ns)
{
    const uint8_t *quote = frame_data(net->pool, packet->frame) + packet->l3_offset;
    uint16_t quoted = (uint16_t)(packet->l4_offset - packet->l3_offset + packet->l4_length);
    struct net_header header = {
        .local = &packet->dst, .remote = &packet->src, .protocol = IPPROTO_ICMP, .ttl = NET_TTL};
    uint32_t frame = frame_take(net->pool, FRAME_BUDGET_CONTROL, FRAME_WORKER);
    uint8_t *l4;
    uint16_t sum;

    if (frame == FRAME_NONE) {
        net->counters.drop_no_frame++;
        return;
    }
    quoted = (uint16_t)min_u32(quoted, error_bytes_max - IPV4_HEADER_BYTES - ICMP_HEADER_BYTES);
    l4 = frame_data(net->pool, frame) + FRAME_TX_METADATA + FRAME_HEADROOM;
    memset(l4, 0, ICMP_HEADER_BYTES);
    l4[0] = kind.type;
    l4[1] = kind.code;
    memcpy(l4 + ICMP_HEADER_BYTES, quote, quoted);
    header.l4_length = (uint16_t)(ICMP_HEADER_BYTES + quoted);
    sum = (uint16_t)~checksum_sum(l4, header.l4_length);
    memcpy(l4 + 2, &sum, sizeof sum);
    net->counters.icmp_errors_out++;
    net_send_stateless(net, frame, &header, l4, now_ns);
    frame_drop(net->pool, frame, FRAME_WORKER);
}

/* RFC 1122 section 3.2.2: never about what came to a group; that the source is a
 * single host's, and the packet no later fragment, net_parse() has seen. */
static void answer(struct net *net, const struct packet *packet, struct error_kind kind,
                   uint64_t now_ns)
{
    if (packet->flags & (PACKET_TO_GROUP | PACKET_V6)) {
        return;
    }
    if (!limit_take(&net->icmp_limit, &error_rate, now_ns)) {
        net->counters.icmp_errors_limited++;
        return;
    }
    send_error(net, packet, kind, now_ns);
}

void icmp_protocol_unreachable(struct net *net, const struct packet *packet, uint64_t now_ns)
{
    answer(net, packet, (struct error_kind){ICMP_UNREACHABLE, ICMP_CODE_PROTOCOL}, now_ns);
}

void net_port_unreachable(struct net *net, const struct packet *packet, uint64_t now_ns)
{
    answer(net, packet, (struct error_kind){ICMP_UNREACHABLE, ICMP_CODE_PORT}, now_ns);
}

void icmp_reassembly_late(struct net *net, const struct packet *packet, uint64_t now_ns)
{
    answer(net, packet, (struct error_kind){ICMP_TIME_EXCEEDED, ICMP_CODE_REASSEMBLY}, now_ns);
}
