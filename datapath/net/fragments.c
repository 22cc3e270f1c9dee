#include "datapath/net/fragments.h"

#include "datapath/net/checksum.h"
#include "datapath/net/headers.h"
#include "datapath/net/icmp.h"
#include "datapath/net/net.h"
#include "datapath/util.h"

#include <netinet/in.h>
#include <string.h>

/* RFC 8200 section 4.5; RFC 1122 section 3.3.2 has 60 to 120 s. */
#define FRAGMENTS_LIFE_NS (60 * NS_PER_S)

/* Where the bytes begin in the frame; headers go before them. */
#define TEXT_OFFSET (FRAME_TX_METADATA + FRAME_HEADROOM)

#define FRAGMENT_HEADER_BYTES 8u
#define MORE_V4 0x2000u
#define OFFSET_V4 0x1fffu /* in units of 8 bytes */
#define MORE_V6 1u
#define OFFSET_V6 0xfff8u /* in bytes */

/* The two ECN fields of which RFC 3168 section 5.3 speaks. */
#define SEEN_NOT_ECT (1u << 0)
#define SEEN_CE (1u << 3)
#define CONGESTION_EXPERIENCED 3u /* the field itself, RFC 3168 section 5 */

struct fragment {
    const uint8_t *bytes;
    uint32_t id;
    uint32_t start;
    uint32_t end;
    uint8_t protocol; /* of the text */
    bool more;
};

static void read_v4(const struct net *net, const struct packet *packet, struct fragment *out)
{
    const uint8_t *chunk = frame_data(net->pool, packet->frame);
    struct ipv4_header ip;
    uint16_t word;

    memcpy(&ip, chunk + packet->l3_offset, sizeof ip);
    word = be16_get(ip.fragment);
    *out = (struct fragment){
        .bytes = chunk + packet->l4_offset,
        .id = be16_get(ip.id),
        .start = (word & OFFSET_V4) * 8u,
        .protocol = ip.protocol,
        .more = (word & MORE_V4) != 0,
    };
    out->end = out->start + packet->l4_length;
}

static bool read_v6(const struct net *net, const struct packet *packet, struct fragment *out)
{
    const uint8_t *header = frame_data(net->pool, packet->frame) + packet->l4_offset;
    uint16_t word;

    if (packet->l4_length < FRAGMENT_HEADER_BYTES) {
        return false;
    }
    word = be16_load(header + 2);
    *out = (struct fragment){
        .bytes = header + FRAGMENT_HEADER_BYTES,
        .id = be32_load(header + 4),
        .start = word & OFFSET_V6,
        .protocol = header[0],
        .more = (word & MORE_V6) != 0,
    };
    out->end = out->start + packet->l4_length - FRAGMENT_HEADER_BYTES;
    return out->protocol != IPPROTO_FRAGMENT;
}

static bool is_whole(const struct fragment *fragment)
{
    return fragment->start == 0 && !fragment->more;
}

/* Only the last may end anywhere. Nothing that is longer than a frame is taken; nor a packet of
 * IPv4 that is none, but of the protocol by which net_parse() tells fragments. */
static bool read_fragment(const struct net *net, const struct packet *packet, struct fragment *out)
{
    if (!(packet->flags & PACKET_V6)) {
        read_v4(net, packet, out);
        if (is_whole(out)) {
            return false;
        }
    } else if (!read_v6(net, packet, out)) {
        return false;
    }
    return out->end > out->start && (!out->more || out->end % 8 == 0) &&
           out->end <= frame_chunk_bytes(net->pool) - TEXT_OFFSET &&
           out->end <= FRAGMENTS_CHUNK_MAX;
}

static void drop_frame(struct net *net, struct fragments_place *place)
{
    if (place->frame != FRAME_NONE) {
        frame_drop(net->pool, place->frame, FRAME_REASSEMBLY);
        place->frame = FRAME_NONE;
    }
}

static void give_up(struct net *net, struct fragments_place *place)
{
    if (place->frame != FRAME_NONE) {
        net->counters.reassembly_failed++;
    }
    drop_frame(net, place);
}

void fragments_init(struct fragments *fragments)
{
    fragments->deadline_ns = UINT64_MAX;
    for (unsigned i = 0; i < FRAGMENTS_PLACES; i++) {
        fragments->places[i] =
            (struct fragments_place){.deadline_ns = UINT64_MAX, .frame = FRAME_NONE};
    }
}

/* RFC 791: source, destination, identification and protocol name a packet; with IPv6 the
 * protocol is not asked (RFC 8200 section 4.5). */
static bool is_of(const struct fragments_place *place, const struct packet *packet,
                  const struct fragment *fragment)
{
    return place->deadline_ns != UINT64_MAX && place->id == fragment->id &&
           ip_addr_equal(&place->src, &packet->src) && ip_addr_equal(&place->dst, &packet->dst) &&
           (packet->flags & PACKET_V6 || place->protocol == fragment->protocol);
}

static struct fragments_place place_for(struct net *net, const struct packet *packet,
                                        const struct fragment *fragment, uint64_t now_ns)
{
    return (struct fragments_place){
        .src = packet->src,
        .dst = packet->dst,
        .deadline_ns = now_ns + FRAGMENTS_LIFE_NS,
        .id = fragment->id,
        .protocol = fragment->protocol,
        .frame = frame_take(net->pool, FRAME_BUDGET_DATA, FRAME_REASSEMBLY),
    };
}

/* The place of the packet, a free one, or that of the oldest. */
static struct fragments_place *find(struct net *net, const struct packet *packet,
                                    const struct fragment *fragment, uint64_t now_ns)
{
    struct fragments *fragments = &net->fragments;
    struct fragments_place *place = &fragments->places[0];

    for (unsigned i = 0; i < FRAGMENTS_PLACES; i++) {
        struct fragments_place *each = &fragments->places[i];

        if (is_of(each, packet, fragment)) {
            return each;
        }
        if (each->deadline_ns == UINT64_MAX ||
            (place->deadline_ns != UINT64_MAX && each->deadline_ns < place->deadline_ns)) {
            place = each;
        }
    }
    give_up(net, place);
    *place = place_for(net, packet, fragment, now_ns);
    fragments->deadline_ns = min_u64(fragments->deadline_ns, place->deadline_ns);
    return place;
}

static unsigned blocks_there(const struct fragments_place *place, uint32_t first, uint32_t end)
{
    unsigned count = 0;

    for (uint32_t i = first; i < end; i++) {
        count += (unsigned)(place->blocks[i / 64] >> (i % 64) & 1);
    }
    return count;
}

enum fit {
    FIT_NEW,
    FIT_REPEATED,
    FIT_NOT,
};

/* RFC 5722: whatever overlaps may be meant to pass a filter as something else. */
static enum fit fits(const struct net *net, const struct fragments_place *place,
                     const struct fragment *fragment)
{
    uint32_t first = fragment->start / 8;
    uint32_t end = (fragment->end + 7) / 8;
    unsigned there = blocks_there(place, first, end);
    const uint8_t *text = frame_data(net->pool, place->frame) + TEXT_OFFSET;

    if (fragment->more
            ? place->total != 0 && fragment->end >= place->total
            : fragment->end < place->end || (place->total != 0 && fragment->end != place->total)) {
        return FIT_NOT;
    }
    if (there == 0) {
        return FIT_NEW;
    }
    return there == end - first && memcmp(text + fragment->start, fragment->bytes,
                                          fragment->end - fragment->start) == 0
               ? FIT_REPEATED
               : FIT_NOT;
}

/* The headers of the first fragment become those of the whole, without options. */
static void take_headers(const struct net *net, struct fragments_place *place,
                         const struct packet *packet)
{
    const uint8_t *from = frame_data(net->pool, packet->frame);
    uint8_t *text = frame_data(net->pool, place->frame) + TEXT_OFFSET;
    uint8_t ip_bytes = packet->flags & PACKET_V6 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES;
    uint8_t link_bytes = (uint8_t)(packet->l3_offset - packet->l2_offset);

    place->header_at = (uint8_t)(link_bytes + ip_bytes);
    memcpy(text - ip_bytes, from + packet->l3_offset, ip_bytes);
    memcpy(text - place->header_at, from + packet->l2_offset, link_bytes);
    if (!(packet->flags & PACKET_V6)) {
        text[-(int)IPV4_HEADER_BYTES] = 0x40 | IPV4_HEADER_BYTES / 4;
    }
}

static void add(const struct net *net, struct fragments_place *place, const struct packet *packet,
                const struct fragment *fragment)
{
    uint8_t *text = frame_data(net->pool, place->frame) + TEXT_OFFSET;
    uint32_t length = fragment->end - fragment->start;

    memcpy(text + fragment->start, fragment->bytes, length);
    for (uint32_t i = fragment->start / 8; i < (fragment->end + 7) / 8; i++) {
        place->blocks[i / 64] |= (uint64_t)1 << (i % 64);
    }
    place->have = (uint16_t)(place->have + length);
    place->end = (uint16_t)max_u32(place->end, fragment->end);
    place->ecn_seen |= (uint8_t)(1u << (packet->tos & 3));
    if (!fragment->more) {
        place->total = (uint16_t)fragment->end;
    }
    if (fragment->start == 0) {
        place->protocol = fragment->protocol;
        take_headers(net, place, packet);
    }
}

static void finish_v4(uint8_t *l3, const struct fragments_place *place)
{
    struct ipv4_header *header = (struct ipv4_header *)l3;
    uint16_t sum;

    header->tos |= place->ecn_seen & SEEN_CE ? CONGESTION_EXPERIENCED : 0;
    header->length = be16_make((uint16_t)(IPV4_HEADER_BYTES + place->total));
    header->fragment = be16_make(0);
    memset(header->checksum, 0, sizeof header->checksum);
    sum = (uint16_t)~checksum_sum(l3, IPV4_HEADER_BYTES);
    memcpy(header->checksum, &sum, sizeof sum);
}

static void finish_v6(uint8_t *l3, const struct fragments_place *place)
{
    struct ipv6_header *header = (struct ipv6_header *)l3;
    uint32_t ecn = place->ecn_seen & SEEN_CE ? CONGESTION_EXPERIENCED : 0;

    header->version_class_flow = be32_make(be32_get(header->version_class_flow) | ecn << 20);
    header->payload_length = be16_make(place->total);
    header->next = place->protocol;
}

/* A packet as if it had come in one, in the place of its last fragment. */
static void finish(struct net *net, struct fragments_place *place, struct port_packet *raw)
{
    uint8_t *text = frame_data(net->pool, place->frame) + TEXT_OFFSET;

    if (ip_addr_is_v4(&place->src)) {
        finish_v4(text - IPV4_HEADER_BYTES, place);
    } else {
        finish_v6(text - IPV6_HEADER_BYTES, place);
    }
    frame_drop(net->pool, raw->frame, FRAME_WORKER);
    raw->frame = place->frame;
    raw->offset = (uint16_t)(TEXT_OFFSET - place->header_at);
    raw->length = (uint16_t)(place->header_at + place->total);
    frame_hold(net->pool, place->frame, FRAME_WORKER);
    frame_record(net->pool, place->frame)->fill_end = (uint16_t)(TEXT_OFFSET + place->total);
    drop_frame(net, place);
    place->deadline_ns = UINT64_MAX;
    net->counters.reassembled++;
}

/* RFC 3168 section 5.3: congestion that one has met, all have; but a packet that is in part
 * not capable of ECN can't have met it. */
static bool ecn_contradicts(const struct fragments_place *place)
{
    return (place->ecn_seen & (SEEN_CE | SEEN_NOT_ECT)) == (SEEN_CE | SEEN_NOT_ECT);
}

bool net_reassemble(struct net *net, const struct packet *packet, struct port_packet *raw,
                    uint64_t now_ns)
{
    struct fragments_place alone;
    struct fragments_place *place = &alone;
    struct fragment fragment;
    enum fit fit = FIT_NOT;

    if (!read_fragment(net, packet, &fragment)) {
        net->counters.drop_fragment++;
        return false;
    }
    if (is_whole(&fragment)) {
        alone = place_for(net, packet, &fragment, now_ns); /* RFC 6946: whatever else there is */
    } else {
        place = find(net, packet, &fragment, now_ns);
    }
    if (place->frame != FRAME_NONE) {
        fit = fits(net, place, &fragment);
    }
    if (fit == FIT_NOT) {
        give_up(net, place);
        net->counters.drop_fragment++;
        return false;
    }
    if (fit == FIT_REPEATED) {
        return false;
    }
    add(net, place, packet, &fragment);
    if (place->total == 0 || place->have < place->total) {
        return false;
    }
    if (ecn_contradicts(place)) {
        give_up(net, place);
        net->counters.drop_fragment++;
        return false;
    }
    finish(net, place, raw);
    return true;
}

/* RFC 1122 section 3.3.2: the source is told, when it can be told of what. */
static void tell_source(struct net *net, const struct fragments_place *place, uint64_t now_ns)
{
    struct packet packet = {
        .frame = place->frame,
        .l3_offset = TEXT_OFFSET - IPV4_HEADER_BYTES,
        .l4_offset = TEXT_OFFSET,
        .l4_length = 8,
        .src = place->src,
        .dst = place->dst,
    };

    if (place->frame != FRAME_NONE && place->header_at > 0 && ip_addr_is_v4(&place->src)) {
        icmp_reassembly_late(net, &packet, now_ns);
    }
}

void fragments_expire(struct net *net, uint64_t now_ns)
{
    struct fragments *fragments = &net->fragments;

    fragments->deadline_ns = UINT64_MAX;
    for (unsigned i = 0; i < FRAGMENTS_PLACES; i++) {
        struct fragments_place *place = &fragments->places[i];

        if (place->deadline_ns <= now_ns) {
            tell_source(net, place, now_ns);
            give_up(net, place);
            place->deadline_ns = UINT64_MAX;
        }
        fragments->deadline_ns = min_u64(fragments->deadline_ns, place->deadline_ns);
    }
}
