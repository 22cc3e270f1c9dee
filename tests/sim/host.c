#include "tests/sim/host.h"

#include "api/receive.h"
#include "datapath/util.h"
#include "tcp/path.h"

#include <stdlib.h>
#include <string.h>

static const struct net_transport transport = {
    .path_changed = tcp_path_changed,
    .icmp_error = tcp_icmp_error,
};

struct ip_addr host_addr(unsigned side, bool v6)
{
    struct ip_addr addr = {.bytes = {0xfd, 0x00, [15] = (uint8_t)(side + 1)}};

    return v6 ? addr : ip_addr_v4(0x0a000001u + side);
}

struct mac_addr host_mac(unsigned side)
{
    return (struct mac_addr){{2, 0, 0, 0, 0, (uint8_t)(side + 1)}};
}

static int init_net(struct host *host, const struct host_config *config)
{
    struct ip_prefix prefix = {.addr = host_addr(config->side, config->v6),
                               .length = config->v6 ? 64 : 24};
    struct net_config net = {
        .port = wire_port(host->wire, config->side),
        .pool = host->pool,
        .mac = host_mac(config->side),
        .mtu = config->mtu,
        .address_count = 1,
        .addresses = &prefix,
        .neighbours = host->neighbours,
        .neighbours_max = HOST_NEIGHBOURS,
        .transport = &transport,
        .transport_ctx = &host->tcp,
        .checksum_tx = config->tcp.verify_checksums,
    };
    struct ip_addr peer = host_addr(!config->side, config->v6);
    struct mac_addr peer_mac = host_mac(!config->side);

    if (net_init(&host->net, &net) != 0) {
        return -1;
    }
    return config->static_neighbour || config->v6 ? net_neighbour_set(&host->net, &peer, &peer_mac)
                                                  : 0;
}

int host_init(struct host *host, struct wire *wire, struct frame_pool *pool,
              const struct host_config *config)
{
    struct tcp_config tcp = config->tcp;
    uint64_t seed = config->seed;

    memset(host, 0, sizeof *host);
    host->wire = wire;
    host->pool = pool;
    host->side = config->side;
    tcp.net = &host->net;
    tcp.pool = pool;
    for (unsigned i = 0; i < COUNT_OF(tcp.secret); i++) {
        tcp.secret[i] = random_splitmix(&seed);
    }
    host->memory_bytes = (tcp_memory_bytes(&tcp) + 4095) & ~(size_t)4095;
    host->memory = aligned_alloc(4096, host->memory_bytes);
    if (!host->memory) {
        return -1;
    }
    memset(host->memory, 0, host->memory_bytes);
    if (init_net(host, config) != 0) {
        return -1;
    }
    return tcp_init(&host->tcp, &tcp, host->memory, wire->now_ns);
}

void host_destroy(struct host *host)
{
    free(host->memory);
}

void host_receive(struct host *host, uint64_t now_ns)
{
    tcp_turn_begin(&host->tcp, now_ns);
    (void)receive_burst(&host->tcp, now_ns, NULL);
}

void host_finish(struct host *host, uint64_t now_ns)
{
    net_tick(&host->net, now_ns);
    tcp_timers(&host->tcp, now_ns);
    tcp_transmit(&host->tcp);
    tcp_turn_end(&host->tcp);
    port_flush(host->net.port);
}

void host_turn(struct host *host, uint64_t now_ns)
{
    host_receive(host, now_ns);
    host_finish(host, now_ns);
}

uint64_t host_next_ns(const struct host *host)
{
    if (wire_arrived(host->wire, host->side) > 0) {
        return host->wire->now_ns;
    }
    return min_u64(tcp_next_deadline(&host->tcp), net_next_deadline(&host->net));
}
