/*
 * ecn_peer echo|upload|download ADDRESS PORT BYTES JSON: a client on the kernel's sockets, one
 * connection with so many bytes to a server of echo, discard or chargen; what comes is compared.
 * ecn_peer serve ADDRESS PORT JSON: an echo for one connection.
 *
 * At the end of the stream it writes what the kernel tells of ECN in TCP_INFO.
 */
#include "bench/load_client/pattern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES 65536u
/* Nothing has moved for so long: that is an end, too. */
#define STILL_MS 20000

enum role {
    ECHO,
    UPLOAD,
    DOWNLOAD,
    SERVE,
};

struct peer {
    enum role role;
    int fd;
    uint64_t bytes; /* a client's: to be sent, or to be received at least */
    uint64_t sent;
    uint64_t received;
    bool shut; /* our half is closed */
    bool ended;
    uint8_t in[BUFFER_BYTES]; /* of a server: what is to be sent, from in_from to in_to */
    size_t in_from;
    size_t in_to;
};

/* Of struct tcp_info, behind what the headers of Debian 12 know. */
#define ECN_INFO_AT 248u

struct ecn_info {
    uint32_t received_ce; /* packets */
    uint32_t delivered_e1_bytes;
    uint32_t delivered_e0_bytes;
    uint32_t delivered_ce_bytes;
    uint32_t received_e1_bytes;
    uint32_t received_e0_bytes;
    uint32_t received_ce_bytes;
    uint32_t mode : 2;        /* 2: accurate */
    uint32_t option_seen : 2; /* 2: with counters */
    uint32_t fail_mode : 4;
    uint32_t options2 : 24;
};

static void __attribute__((noreturn)) fail(const struct peer *peer, const char *what)
{
    (void)fprintf(stderr, "ecn_peer: %llu bytes sent, %llu received: %s\n",
                  (unsigned long long)peer->sent, (unsigned long long)peer->received, what);
    exit(1);
}

static void tell(const struct peer *peer, FILE *file)
{
    uint8_t all[512];
    socklen_t length = sizeof all;
    struct tcp_info info;
    struct ecn_info ecn;

    if (getsockopt(peer->fd, IPPROTO_TCP, TCP_INFO, all, &length) != 0) {
        fail(peer, strerror(errno));
    }
    if (length < ECN_INFO_AT + sizeof ecn) {
        fail(peer, "this kernel tells nothing of accurate ECN");
    }
    memcpy(&info, all, sizeof info);
    memcpy(&ecn, all + ECN_INFO_AT, sizeof ecn);
    (void)fprintf(file,
                  "{\"sent\": %llu, \"received\": %llu, \"mode\": %u, \"option_seen\": %u, "
                  "\"fail_mode\": %u, \"retransmitted\": %u,\n \"received_ce\": %u, "
                  "\"received_e0_bytes\": %u, \"received_ce_bytes\": %u,\n \"delivered_ce\": %u, "
                  "\"delivered_e0_bytes\": %u, \"delivered_ce_bytes\": %u}\n",
                  (unsigned long long)peer->sent, (unsigned long long)peer->received, ecn.mode,
                  ecn.option_seen, ecn.fail_mode, info.tcpi_total_retrans, ecn.received_ce,
                  ecn.received_e0_bytes, ecn.received_ce_bytes, info.tcpi_delivered_ce,
                  ecn.delivered_e0_bytes, ecn.delivered_ce_bytes);
}

static bool is_right(const struct peer *peer, size_t length)
{
    switch (peer->role) {
    case ECHO:
        return pattern_matches(0, peer->received, peer->in, length);
    case DOWNLOAD:
        return chargen_matches(peer->received, peer->in, length);
    default:
        return peer->role == SERVE || length == 0;
    }
}

static void take(struct peer *peer)
{
    ssize_t got = recv(peer->fd, peer->in, sizeof peer->in, 0);

    if (got < 0 && !(peer->role == SERVE && errno == ECONNRESET)) {
        fail(peer, strerror(errno));
    }
    if (got <= 0) {
        peer->ended = true; /* load ends its time in the midst of its requests */
        return;
    }
    if (!is_right(peer, (size_t)got)) {
        fail(peer, "these are not the bytes");
    }
    peer->received += (uint64_t)got;
    peer->in_from = 0;
    peer->in_to = (size_t)got;
}

static bool has_more(const struct peer *peer)
{
    return peer->role == SERVE      ? peer->in_from < peer->in_to
           : peer->role == DOWNLOAD ? false
                                    : peer->sent < peer->bytes;
}

static void give(struct peer *peer)
{
    static uint8_t pattern[BUFFER_BYTES];
    const uint8_t *from = peer->in + peer->in_from;
    size_t length = peer->in_to - peer->in_from;
    ssize_t went;

    if (peer->role != SERVE) {
        length = peer->bytes - peer->sent < BUFFER_BYTES ? peer->bytes - peer->sent : BUFFER_BYTES;
        pattern_fill(0, peer->sent, pattern, length);
        from = pattern;
    }
    went = send(peer->fd, from, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (went < 0) {
        peer->ended = peer->role == SERVE && errno != EAGAIN;
        return;
    }
    peer->sent += (uint64_t)went;
    peer->in_from += (size_t)went;
}

static bool is_done(const struct peer *peer)
{
    return peer->role != SERVE &&
           (peer->role == UPLOAD ? peer->sent : peer->received) >= peer->bytes;
}

static void run(struct peer *peer)
{
    while (!peer->ended) {
        bool full = peer->role == SERVE && has_more(peer);
        struct pollfd poll_fd = {
            .fd = peer->fd,
            .events = (short)((full ? 0 : POLLIN) | (has_more(peer) ? POLLOUT : 0)),
        };

        if (poll(&poll_fd, 1, STILL_MS) <= 0) {
            fail(peer, "nothing moves");
        }
        if (!full && poll_fd.revents & (POLLIN | POLLHUP | POLLERR)) {
            take(peer);
        }
        if (has_more(peer) && poll_fd.revents & (POLLOUT | POLLHUP | POLLERR)) {
            give(peer);
        }
        if (is_done(peer) && !peer->shut) {
            (void)shutdown(peer->fd, SHUT_WR);
            peer->shut = true;
        }
    }
    if (peer->role != SERVE && !peer->shut) {
        fail(peer, "the server ended it");
    }
    if (peer->role == ECHO && peer->received != peer->bytes) {
        fail(peer, "bytes are missing");
    }
}

static int open_socket(enum role role, const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;

    if (role != SERVE) {
        return connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? fd : -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (const struct sockaddr *)address, sizeof *address) != 0 || listen(fd, 1) != 0) {
        return -1;
    }
    return accept(fd, NULL, NULL);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"echo", "upload", "download", "serve"};
    static struct peer peer = {.role = SERVE + 1};
    struct sockaddr_in address = {.sin_family = AF_INET};
    FILE *file;

    for (unsigned i = 0; argc > 1 && i <= SERVE; i++) {
        peer.role = strcmp(argv[1], names[i]) == 0 ? (enum role)i : peer.role;
    }
    if (peer.role > SERVE || argc != (peer.role == SERVE ? 5 : 6) ||
        inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) {
        (void)fprintf(stderr,
                      "usage: ecn_peer echo|upload|download ADDRESS PORT BYTES JSON\n"
                      "       ecn_peer serve ADDRESS PORT JSON\n");
        return 2;
    }
    address.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
    peer.bytes = argc == 6 ? strtoull(argv[4], NULL, 10) : 0;
    peer.fd = open_socket(peer.role, &address);
    if (peer.fd < 0) {
        fail(&peer, strerror(errno));
    }
    run(&peer);
    file = fopen(argv[argc - 1], "we");
    if (!file) {
        fail(&peer, strerror(errno));
    }
    tell(&peer, file);
    return fclose(file) == 0 ? 0 : 1;
}
