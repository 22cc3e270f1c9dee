/*
 * answerer ADDRESS PORT: returns each UDP datagram to its sender, from the kernel's
 * sockets of the guest.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (argc != 3 || inet_pton(AF_INET, argv[1], &own.sin_addr) != 1) {
        (void)fprintf(stderr, "usage: answerer ADDRESS PORT\n");
        return 2;
    }
    own.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) != 0) {
        perror("answerer");
        return 1;
    }
    for (;;) {
        struct sockaddr_in peer;
        socklen_t peer_bytes = sizeof peer;
        char datagram[2048];
        ssize_t bytes =
            recvfrom(fd, datagram, sizeof datagram, 0, (struct sockaddr *)&peer, &peer_bytes);

        if (bytes < 0) {
            perror("answerer");
            return 1;
        }
        /* One that can't be returned is lost, as datagrams may be. */
        (void)sendto(fd, datagram, (size_t)bytes, 0, (struct sockaddr *)&peer, peer_bytes);
    }
}
