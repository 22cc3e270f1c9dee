/*
 * Goal:   the AF_XDP half against the real kernel: each mode carries packets
 *         both ways, and the kernel keeps what is its own.
 * Method: a veth pair between two fresh namespaces (place.h). The far kernel
 *         sends UDP to an address that is only ours; this program plays a stack
 *         that answers ARP and reflects UDP in place.
 */
#include "tests/network/stage.h"

#include "datapath/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void each_mode_carries_both_ways(void **state)
{
    static const struct {
        const char *name;
        enum xdp_mode asked;
        enum xdp_mode runs;
        unsigned queues;
        unsigned queues_used; /* veth tells the generic hook queue 0 for all packets */
    } cases[] = {
        {"automatic", XDP_MODE_AUTO, XDP_MODE_NATIVE, 1, 1},
        {"native, one queue", XDP_MODE_NATIVE, XDP_MODE_NATIVE, 1, 1},
        {"native, two queues", XDP_MODE_NATIVE, XDP_MODE_NATIVE, 2, 2},
        {"generic, one queue", XDP_MODE_GENERIC, XDP_MODE_GENERIC, 1, 1},
        {"generic, two queues", XDP_MODE_GENERIC, XDP_MODE_GENERIC, 2, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct stage stage;

        print_message("  %s\n", cases[i].name);
        stage_open(&stage, cases[i].queues, cases[i].asked);
        stage_start(&stage);
        assert_int_equal(stage.interface->mode, cases[i].runs);
        assert_int_equal(stage.interface->reason[0] != 0, cases[i].asked != cases[i].runs);
        assert_int_equal(stage.interface->mtu_bytes, 1500);
        reflect(&stage, 1, 1, 18);
        reflect(&stage, 64, 50, 64);
        reflect(&stage, 16, 20, 1472);
        settle(&stage);
        for (unsigned q = 0; q < cases[i].queues_used; q++) {
            assert_true(stage.interface->ports[q].port.counters.rx_packets > 0);
            assert_true(stage.interface->ports[q].port.counters.kicks > 0);
        }
        assert_int_equal(stage.interface->program.counters->no_socket, 0);
        stage_close(&stage);
    }
}

/* A queue that nobody opened drops what is for us, and counts it. */
static void queue_without_socket_is_counted(void **state)
{
    struct sockaddr_in own = stage_own_name();
    struct stage stage;
    struct xdp_queue_config only_second;
    int fds[64]; /* open until the end: the answer to a closed one is ICMP to us */

    (void)state;
    stage_open(&stage, 2, XDP_MODE_NATIVE);
    only_second = (struct xdp_queue_config){1, &stage.memory.pools[1]};
    stage.config.queues = &only_second;
    stage.config.queue_count = 1;
    stage_start(&stage);
    place_go_far(&stage.place);
    place_run("ip neighbour add " STAGE_OWN " dev " PLACE_FAR " lladdr 02:00:00:00:00:09");
    place_go_near(&stage.place);
    for (unsigned i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = far_socket(&stage, SOCK_DGRAM, 0);
        assert_int_equal(sendto(fds[i], "x", 1, 0, (struct sockaddr *)&own, sizeof own), 1);
        stage_turn(stage.interface);
    }
    usleep(20000);
    stage_turn(stage.interface);
    assert_true(stage.interface->program.counters->no_socket > 0);
    assert_int_equal(stage.interface->program.counters->no_socket +
                         stage.interface->ports[0].port.counters.rx_packets,
                     COUNT_OF(fds));
    for (unsigned i = 0; i < COUNT_OF(fds); i++) {
        close(fds[i]);
    }
    settle(&stage);
    stage_close(&stage);
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    return poll(&poller, 1, timeout_ms) == 1;
}

static uint16_t internet_sum(const void *packet, size_t bytes)
{
    const uint8_t *from = packet;
    uint32_t sum = 0;

    for (size_t i = 0; i < bytes; i += sizeof(uint16_t)) {
        uint16_t word;

        memcpy(&word, from + i, sizeof word);
        sum += word;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

/* From the far kernel to the near kernel's own address. */
static void ping_kernel(const struct stage *stage)
{
    int fd = far_socket(stage, SOCK_RAW, IPPROTO_ICMP);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.77.0.1")};
    struct icmphdr echo = {.type = ICMP_ECHO, .un.echo = {.id = 7, .sequence = 1}};
    uint8_t back[128];

    echo.checksum = internet_sum(&echo, sizeof echo);
    assert_int_equal(sendto(fd, &echo, sizeof echo, 0, (struct sockaddr *)&to, sizeof to),
                     sizeof echo);
    assert_true(readable(fd, 1000));
    assert_true(recv(fd, back, sizeof back, 0) >= 28);
    assert_int_equal(back[20], ICMP_ECHOREPLY);
    close(fd);
}

/* A port where nobody listens: the near kernel's RST proves its TCP. */
static void reset_from_kernel(const struct stage *stage)
{
    int fd = far_socket(stage, SOCK_STREAM, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = inet_addr("10.77.0.1")};
    struct pollfd poller = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t bytes = sizeof error;

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
    if (errno == EINPROGRESS) {
        assert_int_equal(poll(&poller, 1, 1000), 1);
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
        assert_int_equal(error, ECONNREFUSED);
    } else {
        assert_int_equal(errno, ECONNREFUSED);
    }
    close(fd);
}

/* Broadcast reaches the kernel, and not us. */
static void broadcast_to_kernel(const struct stage *stage)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(4000)};
    struct sockaddr_in to = name;
    int on = 1;
    int near = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int far = far_socket(stage, SOCK_DGRAM, 0);

    assert_int_equal(bind(near, (struct sockaddr *)&name, sizeof name), 0);
    to.sin_addr.s_addr = inet_addr("10.77.0.255");
    assert_int_equal(setsockopt(far, SOL_SOCKET, SO_BROADCAST, &on, sizeof on), 0);
    assert_int_equal(sendto(far, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    assert_true(readable(near, 1000));
    close(near);
    close(far);
}

static void kernel_keeps_everything_else(void **state)
{
    static const enum xdp_mode modes[] = {XDP_MODE_NATIVE, XDP_MODE_GENERIC};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        struct stage stage;

        stage_open(&stage, 1, modes[i]);
        stage_start(&stage);
        ping_kernel(&stage);
        reset_from_kernel(&stage);
        broadcast_to_kernel(&stage);
        assert_int_equal(
            port_receive(&stage.interface->ports[0].port, (struct port_packet[1]){{0}}, 1), 0);
        reflect(&stage, 1, 1, 64);
        ping_kernel(&stage);
        settle(&stage);
        stage_close(&stage);
    }
}

static void link_down_and_up_again(void **state)
{
    struct stage stage;
    struct port_xdp *port;
    uint32_t frame;

    (void)state;
    stage_open(&stage, 1, XDP_MODE_NATIVE);
    stage_start(&stage);
    reflect(&stage, 1, 1, 64);
    settle(&stage);
    port = &stage.interface->ports[0];
    place_run("ip link set " PLACE_NEAR " down");
    frame = frame_take(port->port.pool, FRAME_BUDGET_CONTROL, FRAME_WORKER);
    memset(frame_data(port->port.pool, frame) + 256, 0xff, 60);
    port_send(&port->port, frame, 256, 60);
    frame_drop(port->port.pool, frame, FRAME_WORKER);
    port_flush(&port->port);
    assert_true(port->is_link_down);
    assert_int_equal(port->events[PORT_XDP_KICK_DOWN], 1);
    assert_true(port_xdp_is_pending(port));
    place_run("ip link set " PLACE_NEAR " up");
    for (unsigned i = 0; i < 2000; i++) {
        port_flush(&port->port);
    }
    assert_false(port->is_link_down);
    assert_false(port_xdp_is_pending(port));
    settle(&stage);
    reflect(&stage, 1, 1, 64);
    settle(&stage);
    stage_close(&stage);
}

/* A jumbo MTU: the driver takes only the program for several buffers, and our
 * packets are told to fit one frame. */
static void jumbo_interface_gets_the_other_program(void **state)
{
    struct stage stage;

    (void)state;
    stage_open(&stage, 1, XDP_MODE_NATIVE);
    place_run("ip link set " PLACE_NEAR " mtu 9000");
    place_go_far(&stage.place);
    place_run("ip link set " PLACE_FAR " mtu 9000");
    place_go_near(&stage.place);
    stage_start(&stage);
    assert_int_equal(stage.interface->mtu_bytes, 4096 - 256 - 22);
    reflect(&stage, 8, 8, 1472);
    ping_kernel(&stage);
    settle(&stage);
    stage_close(&stage);
}

/* A whole ring at once: all is completed, with as few kicks as the kernel lets
 * us. */
static void whole_ring_goes_out(void **state)
{
    static const enum xdp_mode modes[] = {XDP_MODE_NATIVE, XDP_MODE_GENERIC};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        struct stage stage;
        struct port *port;

        stage_open(&stage, 1, modes[i]);
        stage_start(&stage);
        port = &stage.interface->ports[0].port;
        for (unsigned sent = 0; sent < 1024; sent++) {
            uint32_t frame = frame_take(port->pool, FRAME_BUDGET_DATA, FRAME_WORKER);

            assert_int_not_equal(frame, FRAME_NONE);
            memset(frame_data(port->pool, frame) + FRAME_HEADROOM, 0xff, 1514);
            port_send(port, frame, FRAME_HEADROOM, 1514);
            frame_drop(port->pool, frame, FRAME_WORKER);
        }
        assert_int_equal(port->tx_room, 1024);
        port_flush(port);
        assert_false(port_xdp_is_pending(&stage.interface->ports[0]));
        print_message("  1024 packets, %s mode: %u kicks\n", xdp_mode_name(modes[i]),
                      (unsigned)port->counters.kicks);
        assert_in_range(port->counters.kicks, 1, 64);
        settle(&stage);
        stage_close(&stage);
    }
}

/* A sleeper wakes up from poll when a packet for us is there, and not from the
 * kernel's packets. */
static void poll_wakes_for_our_packets(void **state)
{
    struct stage stage;
    struct sockaddr_in own = stage_own_name();
    int fd;

    (void)state;
    stage_open(&stage, 1, XDP_MODE_NATIVE);
    stage_start(&stage);
    ping_kernel(&stage);
    assert_false(readable(xsk_socket_fd(&stage.interface->ports[0].socket), 20));
    fd = far_socket(&stage, SOCK_DGRAM, 0);
    assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&own, sizeof own), 1);
    assert_true(readable(xsk_socket_fd(&stage.interface->ports[0].socket), 1000)); /* its ARP */
    settle(&stage);
    close(fd);
    stage_turn(stage.interface);
    settle(&stage);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mode_carries_both_ways),
        cmocka_unit_test(queue_without_socket_is_counted),
        cmocka_unit_test(kernel_keeps_everything_else),
        cmocka_unit_test(whole_ring_goes_out),
        cmocka_unit_test(poll_wakes_for_our_packets),
        cmocka_unit_test(link_down_and_up_again),
        cmocka_unit_test(jumbo_interface_gets_the_other_program),
    };

    return cmocka_run_group_tests(tests, place_need_root, NULL);
}
