/*
 * link: a slow, long and lossy line between two interfaces, in user space, for
 * machines whose kernel has no netem. Frames come and go through AF_PACKET sockets.
 */
#include "bench/result_file.h"
#include "tests/link/options.h"
#include "tests/link/pipe.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST 32u
#define NS_PER_S 1000000000u

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23 /* linux/if_packet.h since 4.20 */
#endif

/* What the kernel keeps while this process does not run: half a second at 200 Mbit/s. */
static const int receive_bytes = 64 << 20;

/* How late frames went out, by this process' doing: what its figures are worth. */
struct lateness {
    uint64_t frames;
    uint64_t sum_ns;
    uint64_t largest_ns;
};

struct line {
    int socket[2];       /* of the left end, of the right one */
    struct pipe pipe[2]; /* pipe i takes from socket i */
    struct lateness late;
    uint64_t refused; /* by the kernel, to be sent */
};

/* The clock of the kernel's time stamps. */
static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int fail(const char *what, const char *name)
{
    (void)fprintf(stderr, "link: %s %s: %s\n", what, name, strerror(errno));
    return -1;
}

static int open_end(const char *name)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = 0};
    static const int on = 1;
    int fd;

    address.sll_ifindex = (int)if_nametoindex(name);
    if (address.sll_ifindex == 0) {
        return fail("there is no interface", name);
    }
    /* Without a protocol until it is bound, or it would get frames of all interfaces. */
    fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail("no packet socket for", name);
    }
    address.sll_protocol = (uint16_t)((ETH_P_ALL & 0xff) << 8 | ETH_P_ALL >> 8);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &receive_bytes, sizeof receive_bytes) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)fail("no packet socket for", name);
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* When the kernel saw it; `read_ns` if it does not say. */
static uint64_t arrival_ns(struct msghdr *message, uint64_t read_ns)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;

            memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
            return (uint64_t)stamp.tv_sec * NS_PER_S + (uint64_t)stamp.tv_nsec;
        }
    }
    return read_ns;
}

/* Whether there may be more. */
static bool take_in(struct line *line, unsigned way)
{
    static uint8_t bytes[BURST][2048];
    static union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
    } control[BURST];
    struct iovec iov[BURST];
    struct mmsghdr messages[BURST];
    int count;
    uint64_t read_ns;

    for (unsigned i = 0; i < BURST; i++) {
        iov[i] = (struct iovec){.iov_base = bytes[i], .iov_len = sizeof bytes[i]};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i],
                                                   .msg_iovlen = 1,
                                                   .msg_control = &control[i],
                                                   .msg_controllen = sizeof control[i]}};
    }
    count = recvmmsg(line->socket[way], messages, BURST, MSG_DONTWAIT, NULL);
    read_ns = now_ns();
    for (int i = 0; i < count; i++) {
        /* What is longer no veth with the usual MTU and without offloads hands over. */
        if (messages[i].msg_len <= PIPE_PACKET_BYTES_MAX) {
            pipe_put(&line->pipe[way], bytes[i], messages[i].msg_len,
                     arrival_ns(&messages[i].msg_hdr, read_ns));
        }
    }
    return count == BURST;
}

static void send_due(struct line *line, unsigned way)
{
    struct pipe *pipe = &line->pipe[way];
    uint64_t due_ns = pipe_due_ns(pipe);

    while (due_ns != UINT64_MAX) {
        const struct pipe_packet *packet = pipe_first(pipe);
        uint64_t now = now_ns();

        if (due_ns > now) {
            return;
        }
        line->late.frames++;
        line->late.sum_ns += now - due_ns;
        if (now - due_ns > line->late.largest_ns) {
            line->late.largest_ns = now - due_ns;
        }
        if (send(line->socket[!way], packet->bytes, packet->length, 0) < 0) {
            line->refused++;
        }
        pipe_take(pipe);
        due_ns = pipe_due_ns(pipe);
    }
}

static uint64_t next_due_ns(const struct line *line)
{
    uint64_t right = pipe_due_ns(&line->pipe[PIPE_TO_RIGHT]);
    uint64_t left = pipe_due_ns(&line->pipe[PIPE_TO_LEFT]);

    return right < left ? right : left;
}

/* Until a frame comes, is due, or a signal: true then. */
static bool wait_for_work(const struct line *line, int signals, uint64_t due_ns)
{
    struct pollfd fds[] = {
        {.fd = line->socket[0], .events = POLLIN},
        {.fd = line->socket[1], .events = POLLIN},
        {.fd = signals, .events = POLLIN},
    };
    uint64_t now = now_ns();
    uint64_t wait_ns = due_ns > now ? due_ns - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait_ns / NS_PER_S),
                               .tv_nsec = (long)(wait_ns % NS_PER_S)};

    (void)ppoll(fds, 3, due_ns == UINT64_MAX ? NULL : &timeout, NULL);
    return (fds[2].revents & POLLIN) != 0;
}

static void forward(struct line *line, int signals)
{
    bool stop = false;

    while (!stop) {
        bool more = take_in(line, PIPE_TO_RIGHT);

        more = take_in(line, PIPE_TO_LEFT) || more;
        send_due(line, PIPE_TO_RIGHT);
        send_due(line, PIPE_TO_LEFT);
        stop = wait_for_work(line, signals, more ? 0 : next_due_ns(line));
    }
}

static void report(FILE *file, const struct line *line)
{
    static const char *const ways[] = {"right", "left"};

    (void)fprintf(file, "{");
    for (unsigned way = 0; way < 2; way++) {
        const struct pipe_counters *c = &line->pipe[way].counters;

        (void)fprintf(file,
                      "\"%s\": {\"packets\": %" PRIu64 ", \"forwarded\": %" PRIu64
                      ", \"dropped_by_queue\": %" PRIu64 ", \"lost\": %" PRIu64
                      ", \"marked\": %" PRIu64 ", \"queue_bytes_largest\": %" PRIu64 "},\n ",
                      ways[way], c->packets, c->forwarded, c->dropped_by_queue, c->lost, c->marked,
                      c->queue_bytes_largest);
    }
    (void)fprintf(
        file, "\"refused\": %" PRIu64 ", \"late_us_mean\": %.1f, \"late_us_largest\": %.1f}\n",
        line->refused,
        line->late.frames > 0 ? (double)line->late.sum_ns / 1e3 / (double)line->late.frames : 0,
        (double)line->late.largest_ns / 1e3);
}

/* Sleeps end when they should, and nobody who computes comes first: the line would be
 * as late as a time slice is long. It never spins, so it takes no core from others. */
static void be_punctual(void)
{
    const struct sched_param first = {.sched_priority = 1};

    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    if (sched_setscheduler(0, SCHED_FIFO, &first) != 0) {
        (void)fprintf(stderr, "link: no priority, so frames may be late: %s\n", strerror(errno));
    }
}

static int open_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int run(const struct link_options *options, FILE *json)
{
    static struct line line;
    int signals = open_signals();

    for (unsigned i = 0; i < 2; i++) {
        line.socket[i] = open_end(options->interface[i]);
        if (line.socket[i] < 0) {
            return 1;
        }
        if (pipe_init(&line.pipe[i], &options->to[i]) != 0) {
            (void)fail("no memory for", "the line");
            return 1;
        }
    }
    be_punctual();
    (void)puts("ready");
    (void)fflush(stdout);
    forward(&line, signals);
    report(stdout, &line);
    if (json) {
        report(json, &line);
    }
    for (unsigned i = 0; i < 2; i++) {
        (void)close(line.socket[i]);
        pipe_free(&line.pipe[i]);
    }
    (void)close(signals);
    return 0;
}

int main(int argc, char **argv)
{
    struct link_options options;
    FILE *json;
    int result;

    switch (link_options_parse(argc, argv, &options)) {
    case LINK_RUN:
        break;
    case LINK_DONE:
        return 0;
    default:
        return 2;
    }
    if (!result_file_open("link", "--json", options.json, &json)) {
        return 1;
    }
    result = run(&options, json);
    return result_file_close("link", options.json, json) ? result : 1;
}
