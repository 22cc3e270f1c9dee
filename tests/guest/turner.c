/*
 * turner IF SOURCE DESTINATION PORT COUNT: makes the tap beyond IF give flows from
 * DESTINATION, with COUNT ports from PORT on, to the other queue than their own.
 *
 * A tap gives a flow to the queue from which a packet of it came last. So a frame goes out
 * for each flow, from each core in turn: the driver has a queue per core. The frames are
 * for nobody's MAC address; nothing but the tap looks at them.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define CORES 2u

/* Often within a round trip of a flow, seldom enough to leave the machine its time. */
static const struct timespec pause_between = {0, 2000000};

struct frame {
    struct ether_header ethernet;
    struct iphdr ip;
    struct tcphdr tcp;
} __attribute__((packed));

static struct frame make_frame(const char *source, const char *destination)
{
    struct frame frame = {
        .ethernet = {.ether_dhost = {2}, .ether_shost = {2, 1}, .ether_type = htons(ETHERTYPE_IP)},
        .ip = {.version = 4,
               .ihl = 5,
               .tot_len = htons(sizeof frame.ip + sizeof frame.tcp),
               .ttl = 1,
               .protocol = IPPROTO_TCP},
        .tcp = {.source = htons(7), .doff = 5},
    };

    frame.ip.saddr = inet_addr(source);
    frame.ip.daddr = inet_addr(destination);
    return frame;
}

static int send_all(int fd, struct frame *frame, unsigned long port, unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        frame->tcp.dest = htons((uint16_t)(port + i));
        if (send(fd, frame, sizeof *frame, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_ll name = {.sll_family = AF_PACKET};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct frame frame;

    if (argc != 6) {
        (void)fprintf(stderr, "usage: turner IF SOURCE DESTINATION PORT COUNT\n");
        return 2;
    }
    name.sll_ifindex = (int)if_nametoindex(argv[1]);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) != 0) {
        perror("turner");
        return 1;
    }
    frame = make_frame(argv[2], argv[3]);
    for (unsigned core = 0;; core = (core + 1) % CORES) {
        cpu_set_t cores;

        CPU_ZERO(&cores);
        CPU_SET(core, &cores);
        if (sched_setaffinity(0, sizeof cores, &cores) != 0 ||
            send_all(fd, &frame, strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10)) != 0) {
            perror("turner");
            return 1;
        }
        (void)nanosleep(&pause_between, NULL);
    }
}
