#include "bench/micro/server.h"

#include "api/receive.h"
#include "api/worker.h"
#include "datapath/util.h"
#include "tcp/path.h"
#include "tcp/user.h"

#include <headrace/conn.h>
#include <headrace/data.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void echo(struct hr_conn *conn, const struct hr_data *data)
{
    for (unsigned i = 0; i < data->count; i++) {
        (void)hr_send_data(conn, &data->slices[i]);
    }
}

static const struct hr_conn_ops echo_ops = {.on_data = echo, .on_eof = hr_close};

static const struct net_transport transport = {
    .path_changed = tcp_path_changed,
    .icmp_error = tcp_icmp_error,
};

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

static int init_pool(struct server *server)
{
    struct frame_pool_config config = {
        .count = 32768, .chunk_bytes = 4096, .floor = {PORT_BURST * 2, 512, 0}};

    config.base = map((size_t)config.count * config.chunk_bytes);
    config.records = map(config.count * sizeof *config.records);
    return config.base && config.records ? frame_pool_init(&server->pool, &config) : -1;
}

static int init_net(struct server *server, const struct server_config *config)
{
    struct ip_prefix own = {.addr = ip_addr_v4(SERVER_ADDRESS), .length = 8};
    struct mac_addr peer = {{2, 0, 0, 0, 0, 2}};
    struct net_config net = {
        .port = &server->port.port,
        .pool = &server->pool,
        .mac = {{2, 0, 0, 0, 0, 1}},
        .mtu = 1500,
        .address_count = 1,
        .addresses = &own,
        .neighbours = server->neighbours,
        .neighbours_max = SERVER_NEIGHBOURS,
        .transport = &transport,
        .transport_ctx = &server->tcp,
        .checksum_tx = config->checksums,
    };

    if (net_init(&server->net, &net) != 0) {
        return -1;
    }
    for (unsigned i = 0; i + 1 < SERVER_NEIGHBOURS; i++) {
        struct ip_addr addr = ip_addr_v4(client_address(0) + i);

        if (net_neighbour_set(&server->net, &addr, &peer) != 0) {
            return -1;
        }
    }
    return 0;
}

int server_init(struct server *server, const struct server_config *config)
{
    struct tcp_config tcp = tcp_config_default;
    struct tcp_listener listener = {.port = 7,
                                    .half_open_max = 1u << 20,
                                    .connections_max = UINT32_MAX,
                                    .settings = tcp_settings_default,
                                    .app_ops = &echo_ops};
    uint32_t index;

    memset(server, 0, sizeof *server);
    server->now_ns = NS_PER_S;
    listener.settings.nodelay = true;
    tcp.net = &server->net;
    tcp.pool = &server->pool;
    tcp.events = &worker_events;
    tcp.connections_max = config->connections + 64;
    tcp.flights_max = 4096;
    tcp.verify_checksums = config->checksums;
    for (unsigned i = 0; i < COUNT_OF(tcp.secret); i++) {
        tcp.secret[i] = 0x243f6a8885a308d3u * (i + 1);
    }
    server->memory_bytes = tcp_memory_bytes(&tcp);
    server->memory = map(server->memory_bytes);
    if (!server->memory || init_pool(server) != 0) {
        return -1;
    }
    bench_port_init(&server->port, &server->pool);
    if (init_net(server, config) != 0 ||
        tcp_init(&server->tcp, &tcp, server->memory, server->now_ns) != 0) {
        return -1;
    }
    return tcp_listen(&server->tcp, &listener, &index);
}

void server_destroy(struct server *server)
{
    (void)munmap(server->memory, server->memory_bytes);
    (void)munmap(server->pool.base, (size_t)server->pool.count << server->pool.chunk_shift);
    (void)munmap(server->pool.records, server->pool.count * sizeof *server->pool.records);
}

__attribute__((noinline)) void server_turn(struct server *server)
{
    tcp_turn_begin(&server->tcp, server->now_ns);
    (void)receive_burst(&server->tcp, server->now_ns, NULL);
    tcp_timers(&server->tcp, server->now_ns);
    tcp_transmit(&server->tcp);
    tcp_turn_end(&server->tcp);
    port_flush(&server->port.port);
}
