#include "tests/network/stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OWN_PORT 7
#define ETHERNET 14

const struct xdp_memory_config stage_memory = {
    .pool_count = STAGE_QUEUES_MAX,
    .frames_per_pool = STAGE_FRAMES,
    .chunk_bytes = 4096,
    .floor = {[FRAME_BUDGET_RECEIVE] = 2048 + PORT_BURST, [FRAME_BUDGET_CONTROL] = 64},
};

uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The configuration points into the stage: to be done where the stage is. */
static void use_memory(struct stage *stage)
{
    if (xdp_memory_open(&stage->memory, &stage_memory, &stage->error) != 0) {
        fail_msg("%s", stage->error.text);
    }
    for (uint32_t i = 0; i < STAGE_QUEUES_MAX; i++) {
        stage->queues[i] = (struct xdp_queue_config){i, &stage->memory.pools[i]};
    }
}

void stage_open(struct stage *stage, unsigned queues, enum xdp_mode mode)
{
    memset(stage, 0, sizeof *stage);
    place_open(&stage->place, queues);
    use_memory(stage);
    stage->own = ip_addr_v4(ntohl(inet_addr(STAGE_OWN)));
    stage->config = xdp_config_default;
    stage->config.interface = PLACE_NEAR;
    stage->config.mode = mode;
    stage->config.queues = stage->queues;
    stage->config.queue_count = queues;
    stage->config.region = &stage->memory.region;
    stage->config.addresses = &stage->own;
    stage->config.address_count = 1;
}

void stage_start(struct stage *stage)
{
    if (xdp_open(&stage->config, &stage->interface, &stage->error) != 0) {
        fail_msg("%s", stage->error.text);
    }
}

void stage_close(struct stage *stage)
{
    if (stage->interface != NULL) {
        xdp_close(stage->interface);
    }
    for (unsigned i = 0; i < STAGE_QUEUES_MAX; i++) {
        assert_true(frame_pool_check(&stage->memory.pools[i]));
        assert_int_equal(stage->memory.pools[i].free_count, STAGE_FRAMES);
    }
    xdp_memory_close(&stage->memory);
    place_close(&stage->place);
}

void stage_in_child(struct stage *stage)
{
    alarm(30); /* not longer than any test, should nobody be left to kill it */
    signal(SIGSEGV, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    use_memory(stage);
}

static void swap_bytes(uint8_t *a, uint8_t *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t kept = a[i];

        a[i] = b[i];
        b[i] = kept;
    }
}

/* An ARP request for us becomes the reply; a UDP packet goes back to where it
 * came from. Swapped addresses leave both checksums right. */
static bool answer(uint8_t *frame, const struct mac_addr *mac)
{
    uint8_t *arp = frame + ETHERNET;
    uint8_t *ip = frame + ETHERNET;

    if (frame[12] == 0x08 && frame[13] == 0x06 && arp[7] == 1) {
        arp[7] = 2;
        memcpy(arp + 18, arp + 8, 6); /* target: the asker */
        memcpy(arp + 8, mac->bytes, 6);
        swap_bytes(arp + 14, arp + 24, 4);
        memcpy(frame, arp + 18, 6);
        memcpy(frame + 6, mac->bytes, 6);
        return true;
    }
    if (frame[12] == 0x08 && frame[13] == 0x00 && ip[9] == IPPROTO_UDP) {
        swap_bytes(frame, frame + 6, 6);
        swap_bytes(ip + 12, ip + 16, 4);
        swap_bytes(ip + 20, ip + 22, 2);
        return true;
    }
    return false;
}

void stage_turn(struct xdp_interface *interface)
{
    struct port_packet burst[PORT_BURST];

    for (uint32_t i = 0; i < interface->port_count; i++) {
        struct port *port = &interface->ports[i].port;
        unsigned count = port_receive(port, burst, PORT_BURST);

        for (unsigned j = 0; j < count; j++) {
            uint8_t *bytes = frame_data(port->pool, burst[j].frame) + burst[j].offset;

            assert_true(burst[j].offset >= FRAME_HEADROOM);
            if (answer(bytes, &interface->nic.mac) && port->tx_room > 0) {
                port_send(port, burst[j].frame, burst[j].offset, burst[j].length);
            }
            frame_drop(port->pool, burst[j].frame, FRAME_WORKER);
        }
        port_flush(port);
    }
}

struct sockaddr_in stage_own_name(void)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(OWN_PORT),
        .sin_addr.s_addr = inet_addr(STAGE_OWN),
    };
}

int far_socket(const struct stage *stage, int type, int protocol)
{
    int fd;

    place_go_far(&stage->place);
    fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    assert_true(fd >= 0);
    place_go_near(&stage->place);
    return fd;
}

/* Sends numbered datagrams from `flows` sockets and waits until each came back. */
void reflect(struct stage *stage, unsigned flows, unsigned rounds, size_t bytes)
{
    struct sockaddr_in own = stage_own_name();
    uint8_t data[2048];
    uint8_t back[2048];
    int fds[64];
    uint64_t give_up_ms;

    assert_true(flows <= COUNT_OF(fds) && bytes <= sizeof data);
    for (unsigned i = 0; i < flows; i++) {
        fds[i] = far_socket(stage, SOCK_DGRAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&own, sizeof own), 0);
    }
    for (unsigned round = 0; round < rounds; round++) {
        unsigned answered = 0;

        for (unsigned i = 0; i < flows; i++) {
            memset(data, (int)(round * 7 + i), bytes);
            assert_int_equal(send(fds[i], data, bytes, 0), bytes);
        }
        give_up_ms = now_ms() + 3000;
        for (unsigned i = 0; answered < flows; i = (i + 1) % flows) {
            ssize_t length;

            stage_turn(stage->interface);
            length = recv(fds[i], back, sizeof back, 0);
            if (length >= 0) {
                memset(data, (int)(round * 7 + i), bytes);
                assert_int_equal(length, bytes);
                assert_memory_equal(back, data, bytes);
                answered++;
            }
            if (now_ms() > give_up_ms) {
                fail_msg("%u of %u datagrams came back", answered, flows);
            }
        }
    }
    for (unsigned i = 0; i < flows; i++) {
        close(fds[i]);
    }
}

/* All that is sent has been completed, and only what is lent is held. */
void settle(struct stage *stage)
{
    uint64_t give_up_ms = now_ms() + 2000;

    for (uint32_t i = 0; i < stage->interface->port_count; i++) {
        struct port_xdp *port = &stage->interface->ports[i];

        while (port->tx_in_flight > 0 && now_ms() < give_up_ms) {
            stage_turn(stage->interface);
        }
        assert_int_equal(port->tx_in_flight, 0);
        assert_int_equal(port->port.tx_room, 2048);
        assert_int_equal(port->port.pool->used[FRAME_BUDGET_RECEIVE], 2048);
        assert_int_equal(port->port.pool->free_count, STAGE_FRAMES - 2048);
        assert_true(frame_pool_check(port->port.pool));
    }
}

/* Opens, forks a child that only sleeps if told, says ready, and waits. */
pid_t victim(struct stage *stage, bool with_child, pid_t *grandchild)
{
    pid_t pid;
    int ready[2];

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        pid_t child = 0;

        stage_in_child(stage);
        if (xdp_open(&stage->config, &stage->interface, &stage->error) != 0) {
            fprintf(stderr, "victim: %s\n", stage->error.text);
            _exit(1);
        }
        if (with_child && (child = fork()) == 0) {
            xdp_close(stage->interface); /* harmless: frees memory only */
            alarm(30);
            pause();
            _exit(0);
        }
        if (write(ready[1], &child, sizeof child) != sizeof child) {
            _exit(1);
        }
        for (;;) {
            stage_turn(stage->interface);
        }
    }
    assert_int_equal(read(ready[0], grandchild, sizeof *grandchild), sizeof *grandchild);
    close(ready[0]);
    close(ready[1]);
    return pid;
}
