#include "datapath/net/arp.h"

#include "datapath/net/ethernet.h"
#include "datapath/util.h"

#include <assert.h>
#include <string.h>

/* RFC 1122 section 2.3.2.1: at most one request a second and destination. */
static const uint64_t request_interval_ns = NS_PER_S;
/* RFC 4861 section 10: MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT. */
static const uint8_t requests_max = 3;
/* When a request could not be sent, for want of room, frames or rate. */
static const uint64_t request_retry_ns = 10 * NS_PER_MS;
/* All requests together: 1,000 a second, 256 at once. Against packets with
 * invented sources, which would have us shout at the whole link. */
static const struct limit_rate request_rate = {.interval_ns = NS_PER_MS,
                                               .burst_ns = 256 * NS_PER_MS};
/* RFC 4861 section 10: DELAY_FIRST_PROBE_TIME. */
static const uint64_t delay_ns = 5 * NS_PER_S;
/* RFC 4861 section 10: REACHABLE_TIME. */
static const uint64_t reachable_ns = 30 * NS_PER_S;
/* RFC 5227 section 2.4. */
static const uint64_t defend_interval_ns = 10 * NS_PER_S;

enum operation {
    ARP_REQUEST = 1,
    ARP_REPLY = 2,
};

static const struct mac_addr broadcast_mac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

/* Who is asked or answered. */
struct arp_target {
    struct mac_addr link; /* destination of the frame */
    struct mac_addr mac;
    struct be32 ip;
};

static struct be32 be32_of(const struct ip_addr *addr)
{
    return be32_make(ip_addr_v4_get(addr));
}

static bool send_arp(struct net *net, enum operation operation, struct be32 sender,
                     const struct arp_target *target)
{
    struct arp_packet arp = {
        .hardware = be16_make(1),
        .protocol = be16_make(ETHERTYPE_IPV4),
        .hardware_bytes = sizeof arp.sender_mac,
        .protocol_bytes = sizeof arp.sender_ip,
        .operation = be16_make((uint16_t)operation),
        .sender_mac = net->mac,
        .sender_ip = sender,
        .target_mac = target->mac,
        .target_ip = target->ip,
    };
    uint32_t frame;
    uint8_t *l3;
    uint8_t *start;

    if (net->port->tx_room == 0) {
        net->counters.drop_tx_full++;
        return false;
    }
    frame = frame_take(net->pool, FRAME_BUDGET_CONTROL, FRAME_WORKER);
    if (frame == FRAME_NONE) {
        net->counters.drop_no_frame++;
        return false;
    }
    l3 = frame_data(net->pool, frame) + FRAME_TX_METADATA + FRAME_HEADROOM;
    memcpy(l3, &arp, sizeof arp);
    start = ethernet_write(net, &target->link, ETHERTYPE_ARP, l3);
    net_send(net, frame, start, (uint16_t)(l3 + sizeof arp - start));
    frame_drop(net->pool, frame, FRAME_WORKER);
    return true;
}

static bool send_request(struct net *net, const struct neighbour *neighbour)
{
    /* A probe of one who answered before goes to it alone (RFC 1122 2.3.2.1). */
    bool unicast = neighbour->state == NEIGHBOUR_PROBE;
    struct arp_target target = {.link = unicast ? neighbour->mac : broadcast_mac,
                                .ip = be32_of(&neighbour->addr)};
    const struct ip_addr *own = net_source_for(net, &neighbour->addr);

    assert(own); /* net_init() saw that each route has a source */
    if (!send_arp(net, ARP_REQUEST, be32_of(own), &target)) {
        return false;
    }
    net->counters.arp_requests_out++;
    return true;
}

static void ask(struct net *net, struct neighbour *neighbour, uint64_t now_ns)
{
    uint64_t wait_ns = request_retry_ns;

    if (limit_take(&net->arp_limit, &request_rate, now_ns) && send_request(net, neighbour)) {
        neighbour->requests++;
        wait_ns = request_interval_ns;
    }
    neighbour_set_deadline(&net->neighbours, neighbour, now_ns + wait_ns);
}

bool arp_resolve(struct net *net, struct neighbour *neighbour, uint64_t now_ns)
{
    assert(neighbour->state == NEIGHBOUR_FAILED);
    if (neighbour->deadline_ns != UINT64_MAX && now_ns < neighbour->deadline_ns) {
        return false;
    }
    neighbour->state = NEIGHBOUR_INCOMPLETE;
    neighbour->requests = 0;
    ask(net, neighbour, now_ns);
    return true;
}

void arp_delay(struct net *net, struct neighbour *neighbour, uint64_t now_ns)
{
    neighbour->state = NEIGHBOUR_DELAY;
    neighbour_set_deadline(&net->neighbours, neighbour, now_ns + delay_ns);
}

void arp_confirmed(struct net *net, struct neighbour *neighbour, uint64_t now_ns)
{
    neighbour->state = NEIGHBOUR_REACHABLE;
    neighbour->requests = 0;
    neighbour_touch(&net->neighbours, neighbour, now_ns);
    neighbour_set_deadline(&net->neighbours, neighbour, now_ns + reachable_ns);
}

static void fail(struct net *net, struct neighbour *neighbour, uint64_t now_ns)
{
    neighbour->state = NEIGHBOUR_FAILED;
    neighbour_set_deadline(&net->neighbours, neighbour, now_ns + request_interval_ns);
    net_neighbour_failed(net, neighbour);
}

void arp_timeout(struct net *net, struct neighbour *neighbour, uint64_t now_ns)
{
    switch (neighbour->state) {
    case NEIGHBOUR_REACHABLE:
        neighbour->state = NEIGHBOUR_STALE;
        neighbour->deadline_ns = UINT64_MAX;
        break;
    case NEIGHBOUR_DELAY:
        neighbour->state = NEIGHBOUR_PROBE;
        neighbour->requests = 0;
        ask(net, neighbour, now_ns);
        break;
    case NEIGHBOUR_INCOMPLETE:
    case NEIGHBOUR_PROBE:
        if (neighbour->requests < requests_max) {
            ask(net, neighbour, now_ns);
        } else {
            fail(net, neighbour, now_ns);
        }
        break;
    default: /* FAILED: may be asked again; nothing else has a deadline */
        neighbour->deadline_ns = UINT64_MAX;
        break;
    }
}

void arp_announce(struct net *net, const struct ip_addr *own)
{
    struct arp_target target = {.link = broadcast_mac, .ip = be32_of(own)};

    if (send_arp(net, ARP_REQUEST, target.ip, &target)) {
        net->counters.arp_requests_out++;
    }
}

/* Whom a packet may add to the table: who asks for us, since it is about to talk
 * to us, and lives on our link. */
static uint16_t learn(struct net *net, const struct arp_packet *arp, const struct ip_addr *sender)
{
    struct ip_addr next_hop;

    if (be16_get(arp->operation) != ARP_REQUEST ||
        route_find(&net->routes, sender, &next_hop) != 0 || !ip_addr_equal(&next_hop, sender)) {
        return NEIGHBOUR_NONE;
    }
    return net_neighbour_get(net, sender);
}

/* The merge of RFC 826: a sender that we know is brought up to date whatever the
 * packet is. Only the answer to our own question says that it hears us; all
 * else leaves it STALE (RFC 4861 section 7.2.5 by analogy). */
static void merge(struct net *net, const struct arp_packet *arp, bool is_for_us, uint64_t now_ns)
{
    struct ip_addr sender = ip_addr_v4(be32_get(arp->sender_ip));
    uint16_t index = neighbour_find(&net->neighbours, &sender);
    struct neighbour *neighbour;
    bool was_usable;
    bool is_answer;

    if (index == NEIGHBOUR_NONE && is_for_us) {
        index = learn(net, arp, &sender);
    }
    if (index == NEIGHBOUR_NONE) {
        return;
    }
    neighbour = neighbour_at(&net->neighbours, index);
    if (neighbour->state == NEIGHBOUR_STATIC) {
        return;
    }
    was_usable = neighbour_is_usable(neighbour);
    is_answer = is_for_us && be16_get(arp->operation) == ARP_REPLY && neighbour->requests > 0;
    if (is_answer) {
        neighbour->mac = arp->sender_mac;
        arp_confirmed(net, neighbour, now_ns);
    } else if (!was_usable || !mac_addr_equal(&neighbour->mac, &arp->sender_mac)) {
        neighbour->mac = arp->sender_mac;
        neighbour->state = NEIGHBOUR_STALE;
        neighbour->deadline_ns = UINT64_MAX;
        neighbour_touch(&net->neighbours, neighbour, now_ns);
    }
    if (!was_usable) {
        net_neighbour_resolved(net, neighbour);
    }
}

static void reply(struct net *net, const struct arp_packet *arp)
{
    struct arp_target target = {
        .link = arp->sender_mac, .mac = arp->sender_mac, .ip = arp->sender_ip};

    if (send_arp(net, ARP_REPLY, arp->target_ip, &target)) {
        net->counters.arp_replies_out++;
    }
}

/* Somebody else uses our address: say once in ten seconds that it is ours. */
static void defend(struct net *net, const struct ip_addr *own, uint64_t now_ns)
{
    net->counters.arp_conflicts++;
    if (net->arp_defended_ns == 0 || now_ns - net->arp_defended_ns >= defend_interval_ns) {
        net->arp_defended_ns = now_ns;
        arp_announce(net, own);
    }
}

static bool is_well_formed(const struct arp_packet *arp)
{
    uint16_t operation = be16_get(arp->operation);

    return be16_get(arp->hardware) == 1 && be16_get(arp->protocol) == ETHERTYPE_IPV4 &&
           arp->hardware_bytes == sizeof arp->sender_mac &&
           arp->protocol_bytes == sizeof arp->sender_ip &&
           (operation == ARP_REQUEST || operation == ARP_REPLY) &&
           !mac_addr_is_multicast(&arp->sender_mac);
}

void arp_input(struct net *net, const struct packet *packet, uint64_t now_ns)
{
    struct arp_packet arp;
    struct ip_addr sender;
    struct ip_addr target;
    bool is_for_us;

    assert(packet->l4_length >= sizeof arp);
    memcpy(&arp, frame_data(net->pool, packet->frame) + packet->l3_offset, sizeof arp);
    if (!is_well_formed(&arp)) {
        net->counters.drop_arp++;
        return;
    }
    sender = ip_addr_v4(be32_get(arp.sender_ip));
    target = ip_addr_v4(be32_get(arp.target_ip));
    is_for_us = net_address_is_local(net, &target);
    if (net_address_is_local(net, &sender)) {
        if (!mac_addr_equal(&arp.sender_mac, &net->mac)) {
            defend(net, &sender, now_ns);
        }
        return;
    }
    /* A sender of 0.0.0.0 probes for an address (RFC 5227 section 2.1.1): it is
     * answered, not learnt. */
    if (!ip_addr_is_unspecified(&sender)) {
        if (!net_address_is_remote(net, &sender)) {
            net->counters.drop_arp++;
            return;
        }
        merge(net, &arp, is_for_us, now_ns);
    }
    if (!is_for_us) {
        return;
    }
    if (be16_get(arp.operation) == ARP_REQUEST) {
        net->counters.arp_requests_in++;
        reply(net, &arp);
    } else {
        net->counters.arp_replies_in++;
    }
}

void net_neighbour_hear(struct net *net, const uint8_t *bytes, uint64_t now_ns)
{
    struct arp_packet arp;
    struct ip_addr sender;
    struct ip_addr target;

    memcpy(&arp, bytes, sizeof arp);
    if (!is_well_formed(&arp)) {
        return;
    }
    sender = ip_addr_v4(be32_get(arp.sender_ip));
    target = ip_addr_v4(be32_get(arp.target_ip));
    if (net_address_is_remote(net, &sender)) {
        merge(net, &arp, net_address_is_local(net, &target), now_ns);
    }
}

void net_announce(struct net *net)
{
    for (unsigned i = 0; i < net->address_count; i++) {
        if (ip_addr_is_v4(&net->addresses[i].addr)) {
            arp_announce(net, &net->addresses[i].addr);
        }
    }
}
