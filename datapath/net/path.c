/* Paths: routes and neighbours as the transport sees them, and the packets that
 * wait for a neighbour. */
#include "datapath/net/arp.h"
#include "datapath/net/net.h"

#include <assert.h>

static void leave_queue(struct net *net, struct neighbour *neighbour, uint16_t position)
{
    frame_drop(net->pool, neighbour->queue[position].frame, FRAME_SENDQ);
    net->neighbours.queued_total--;
}

static void drop_queued(struct net *net, struct neighbour *neighbour)
{
    for (uint16_t i = 0; i < neighbour->queued; i++) {
        leave_queue(net, neighbour, i);
        net->counters.drop_unresolved++;
    }
    neighbour->queued = 0;
}

/* The headers of a queued packet were written with no address to send to: it
 * stands first in the frame. */
static void send_queued(struct net *net, struct neighbour *neighbour)
{
    for (uint16_t i = 0; i < neighbour->queued; i++) {
        const struct port_packet *packet = &neighbour->queue[i];

        if (net->port->tx_room > 0) {
            memcpy(frame_data(net->pool, packet->frame) + packet->offset, neighbour->mac.bytes,
                   sizeof neighbour->mac.bytes);
            port_send(net->port, packet->frame, packet->offset, packet->length);
        } else {
            net->counters.drop_tx_full++;
        }
        leave_queue(net, neighbour, i);
    }
    neighbour->queued = 0;
}

void net_neighbour_resolved(struct net *net, struct neighbour *neighbour)
{
    send_queued(net, neighbour);
    if (!list_is_empty(&neighbour->waiters)) {
        net->transport->path_changed(net->transport_ctx, &neighbour->waiters, true);
    }
}

void net_neighbour_failed(struct net *net, struct neighbour *neighbour)
{
    drop_queued(net, neighbour);
    if (!list_is_empty(&neighbour->waiters)) {
        net->transport->path_changed(net->transport_ctx, &neighbour->waiters, false);
    }
}

/* Keeps the latest packets (RFC 1122 section 2.3.2.2). One that waits has a hold
 * of its own, since the caller's ends with its turn, and is charged to the data
 * budget: neither what receives nor what acknowledges may pay for it. */
static void enqueue(struct net *net, struct neighbour *neighbour, const struct port_packet *packet)
{
    if (neighbour->queued == NEIGHBOUR_QUEUE_MAX) {
        leave_queue(net, neighbour, 0);
        net->counters.drop_unresolved++;
        neighbour->queued--;
        memmove(neighbour->queue, neighbour->queue + 1,
                neighbour->queued * sizeof neighbour->queue[0]);
    }
    if (net->neighbours.queued_total == NEIGHBOUR_QUEUED_TOTAL_MAX ||
        !frame_keep(net->pool, packet->frame)) {
        net->counters.drop_unresolved++;
        return;
    }
    frame_hold(net->pool, packet->frame, FRAME_SENDQ);
    neighbour->queue[neighbour->queued++] = *packet;
    net->neighbours.queued_total++;
}

/* Frees the place of what is queued first: nobody will answer it. */
uint16_t net_neighbour_get(struct net *net, const struct ip_addr *addr)
{
    uint16_t index = neighbour_find(&net->neighbours, addr);

    if (index != NEIGHBOUR_NONE) {
        return index;
    }
    index = neighbour_victim(&net->neighbours);
    if (index != NEIGHBOUR_NONE) {
        drop_queued(net, neighbour_at(&net->neighbours, index));
        neighbour_assign(&net->neighbours, index, addr);
    }
    return index;
}

int net_path_find(struct net *net, const struct ip_addr *remote, struct net_path *path)
{
    struct ip_addr next_hop;
    uint16_t index;

    if (!net_address_is_remote(net, remote) || route_find(&net->routes, remote, &next_hop) != 0) {
        return -1;
    }
    index = net_neighbour_get(net, &next_hop);
    if (index == NEIGHBOUR_NONE) {
        return -1;
    }
    *path = (struct net_path){
        .neighbour = index,
        .generation = neighbour_at(&net->neighbours, index)->generation,
        .mtu = net->mtu,
    };
    return 0;
}

enum net_path_state net_path_resolve(struct net *net, const struct net_path *path, uint64_t now_ns)
{
    struct neighbour *neighbour = neighbour_at(&net->neighbours, path->neighbour);

    if (neighbour->generation != path->generation) {
        return NET_PATH_STALE;
    }
    neighbour_touch(&net->neighbours, neighbour, now_ns);
    switch (neighbour->state) {
    case NEIGHBOUR_STALE:
        arp_delay(net, neighbour, now_ns);
        return NET_PATH_READY;
    case NEIGHBOUR_FAILED:
        /* Only ARP can ask; without NDP an IPv6 neighbour must be configured. */
        if (!ip_addr_is_v4(&neighbour->addr) || !arp_resolve(net, neighbour, now_ns)) {
            return NET_PATH_FAILED;
        }
        return NET_PATH_WAIT;
    case NEIGHBOUR_INCOMPLETE:
        return NET_PATH_WAIT;
    case NEIGHBOUR_FREE: /* a path that was never found */
        return NET_PATH_STALE;
    default:
        return NET_PATH_READY;
    }
}

void net_path_confirm(struct net *net, const struct net_path *path, uint64_t now_ns)
{
    struct neighbour *neighbour = neighbour_at(&net->neighbours, path->neighbour);

    if (neighbour->generation == path->generation && neighbour_is_usable(neighbour) &&
        neighbour->state != NEIGHBOUR_STATIC) {
        arp_confirmed(net, neighbour, now_ns);
    }
}

/* Due at once: the next turn of the worker asks. */
void net_path_suspect(struct net *net, const struct net_path *path)
{
    struct neighbour *neighbour = neighbour_at(&net->neighbours, path->neighbour);

    if (neighbour->generation == path->generation &&
        (neighbour->state == NEIGHBOUR_REACHABLE || neighbour->state == NEIGHBOUR_STALE)) {
        neighbour->state = NEIGHBOUR_DELAY;
        neighbour_set_deadline(&net->neighbours, neighbour, 0);
    }
}

struct list *net_path_waiters(struct net *net, const struct net_path *path)
{
    return &neighbour_at(&net->neighbours, path->neighbour)->waiters;
}

int net_neighbour_set(struct net *net, const struct ip_addr *addr, const struct mac_addr *mac)
{
    uint16_t index = net_neighbour_get(net, addr);
    struct neighbour *neighbour;

    if (index == NEIGHBOUR_NONE) {
        return -1;
    }
    neighbour = neighbour_at(&net->neighbours, index);
    neighbour->mac = *mac;
    neighbour->state = NEIGHBOUR_STATIC;
    neighbour->deadline_ns = UINT64_MAX;
    net_neighbour_resolved(net, neighbour);
    return 0;
}

void net_send_stateless(struct net *net, uint32_t frame, const struct net_header *header,
                        uint8_t *l4, uint64_t now_ns)
{
    struct net_path path;
    struct port_packet packet = {.frame = frame};
    uint8_t *start;

    if (net_path_find(net, header->remote, &path) != 0) {
        net->counters.drop_unresolved++;
        return;
    }
    start = net_header_write(net, &path, header, l4);
    packet.offset = (uint16_t)(start - frame_data(net->pool, frame));
    packet.length = (uint16_t)(l4 - start + header->l4_length);
    switch (net_path_check(net, &path, now_ns)) {
    case NET_PATH_READY:
        if (net->port->tx_room > 0) {
            port_send(net->port, packet.frame, packet.offset, packet.length);
        } else {
            net->counters.drop_tx_full++;
        }
        break;
    case NET_PATH_WAIT:
        enqueue(net, neighbour_at(&net->neighbours, path.neighbour), &packet);
        break;
    default:
        net->counters.drop_unresolved++;
        break;
    }
}
