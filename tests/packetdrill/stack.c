#include "tests/packetdrill/stack.h"

#include "api/receive.h"
#include "datapath/net/checksum.h"
#include "datapath/util.h"
#include "datapath/wire/pool.h"
#include "tcp/path.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES 16384u
#define CONTROL_FLOOR 64u
#define CONNECTIONS 64u
#define PAGE_BYTES 4096u
#define BUSY_TURN_NS (10 * NS_PER_US)

static const struct mac_addr our_mac = {{2, 0, 0, 0, 0, 1}};
static const struct mac_addr gateway_mac = {{2, 0, 0, 0, 0, 2}};

static const struct net_transport transport = {
    .path_changed = tcp_path_changed,
    .icmp_error = tcp_icmp_error,
};

/* The network of an address, with another host: the way to all others. */
static struct ip_addr gateway_of(const struct ip_addr *local)
{
    struct ip_addr gateway = *local;

    gateway.bytes[15] ^= 0x40;
    return gateway;
}

static int init_net(struct stack *stack, const struct stack_config *config)
{
    struct ip_prefix own[COUNT_OF(config->local)] = {{config->local[0], 24},
                                                     {config->local[1], 120}};
    struct ip_addr gateways[COUNT_OF(own)] = {gateway_of(&config->local[0]),
                                              gateway_of(&config->local[1])};
    struct net_config net = {
        .port = &stack->netport.port,
        .pool = &stack->pool,
        .mac = our_mac,
        .mtu = config->mtu,
        .address_count = COUNT_OF(own),
        .addresses = own,
        .gateway_count = COUNT_OF(gateways),
        .gateways = gateways,
        .neighbours = stack->neighbours,
        .neighbours_max = STACK_NEIGHBOURS,
        .transport = &transport,
        .transport_ctx = &stack->tcp,
        .checksum_tx = true,
    };

    if (net.mtu < NET_MTU_MIN_V6) { /* no IPv6 on such a link */
        net.address_count = 1;
        net.gateway_count = 1;
    }
    if (net_init(&stack->net, &net) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < net.gateway_count; i++) {
        if (net_neighbour_set(&stack->net, &gateways[i], &gateway_mac) != 0) {
            return -1;
        }
    }
    return 0;
}

/* The secrets are the same in every run: a script that fails, fails again. */
static struct tcp_config tcp_config_of(struct stack *stack, const struct stack_config *config)
{
    struct tcp_config tcp = tcp_config_default;

    tcp.net = &stack->net;
    tcp.pool = &stack->pool;
    tcp.events = config->events;
    tcp.app = config->app;
    tcp.connections_max = CONNECTIONS;
    tcp.flights_max = CONNECTIONS;
    tcp.timewaits_max = CONNECTIONS;
    for (unsigned i = 0; i < COUNT_OF(tcp.secret); i++) {
        tcp.secret[i] = 0x243f6a8885a308d3u * (i + 1);
    }
    return tcp;
}

int stack_init(struct stack *stack, const struct stack_config *config)
{
    struct frame_pool_config pool = {
        .count = FRAMES, .chunk_bytes = 4096, .floor = {PORT_BURST, CONTROL_FLOOR, 0}};
    struct tcp_config tcp;
    size_t bytes;

    memset(stack, 0, sizeof *stack);
    checksum_init();
    if (wire_pool_create(&stack->pool, &pool) != 0) {
        return -1;
    }
    netport_init(&stack->netport, &stack->pool, config->now_ns);
    stack->netport.mac = our_mac;
    stack->netport.mtu = config->mtu;
    tcp = tcp_config_of(stack, config);
    bytes = (tcp_memory_bytes(&tcp) + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    stack->memory = aligned_alloc(PAGE_BYTES, bytes);
    if (stack->memory) {
        memset(stack->memory, 0, bytes);
    }
    if (!stack->memory || init_net(stack, config) != 0 ||
        tcp_init(&stack->tcp, &tcp, stack->memory, *config->now_ns) != 0) {
        stack_destroy(stack);
        return -1;
    }
    return 0;
}

void stack_destroy(struct stack *stack)
{
    netport_destroy(&stack->netport);
    wire_pool_destroy(&stack->pool);
    free(stack->memory);
    stack->memory = NULL;
}

void stack_begin(struct stack *stack, uint64_t now_ns)
{
    tcp_turn_begin(&stack->tcp, now_ns);
}

void stack_turn(struct stack *stack, uint64_t now_ns)
{
    tcp_turn_begin(&stack->tcp, now_ns);
    (void)receive_burst(&stack->tcp, now_ns, NULL);
    net_tick(&stack->net, now_ns);
    tcp_timers(&stack->tcp, now_ns);
    tcp_transmit(&stack->tcp);
    tcp_turn_end(&stack->tcp);
    port_flush(&stack->netport.port);
}

uint64_t stack_next_ns(const struct stack *stack)
{
    uint64_t next_ns = min_u64(tcp_next_deadline(&stack->tcp), net_next_deadline(&stack->net));

    if (stack->netport.in.first || !list_is_empty(&stack->tcp.output)) {
        next_ns = min_u64(next_ns, stack->tcp.now_ns + BUSY_TURN_NS);
    }
    return next_ns;
}
