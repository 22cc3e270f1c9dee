#include "tests/fuzz/world.h"

#include "tcp/user.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/life.h"

void world_listen(void)
{
    struct tcp_listener listener = {.port = PEER_LISTEN_PORT,
                                    .half_open_max = 1,
                                    .connections_max = 2,
                                    .syn_cookies = world.syn_cookies,
                                    .fast_open = {.max = world.fast_opens_max},
                                    .settings = world.settings};

    FUZZ_CHECK(tcp_listen(&bed.tcp, &listener, &world.listener) == TCP_OK);
    world.listens = true;
    world.paused = false;
}

void world_connect(const struct peer *peer)
{
    struct tcp_conn *conn;
    int error = tcp_connect(&bed.tcp, &peer->tuple, &world.settings, &conn);

    FUZZ_CHECK(error <= 0);
    if (error == TCP_OK) {
        life_begin(conn);
    }
}

void world_handshake(struct peer *peer)
{
    bool active = peer_view(peer).conn != NULL;
    struct packet_segment seg;

    bed_turn();
    seg = peer_syn(peer, active ? TCP_ACK : 0);
    peer_queue(peer, &seg, 0);
    bed_turn();
    if (!active) {
        seg = peer_segment(peer, TCP_ACK);
        if (peer->timestamps_on) {
            peer_add_timestamps(peer, &seg, 0);
        }
        peer_queue(peer, &seg, 0);
        bed_turn();
    }
}
