/*
 * What a program's command line sets of TCP itself, over our own stack: the same options in all
 * programs that have them, read here. What each of them may be is said by tcp_option_refusal().
 */
#ifndef HEADRACE_BENCH_TCP_OPTIONS_H
#define HEADRACE_BENCH_TCP_OPTIONS_H

#include <headrace/stack.h>
#include <headrace/tuning.h>
#include <headrace/worker.h>

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

struct tcp_options {
    struct hr_tuning tuning;
    uint32_t send_buffer; /* bytes; 0: not given. One that is given does not grow */
    uint32_t receive_buffer;
    bool fast_open;
    bool no_cookie; /* of it */
    bool no_sack;
    bool no_timestamps;
    bool no_window_scale;
};

/* What getopt_long() returns for them; a program's own are less. */
enum tcp_option {
    TCP_OPTION_FAST_OPEN = 384,
    TCP_OPTION_FAST_OPEN_NO_COOKIE,
    TCP_OPTION_PACING,
    TCP_OPTION_MTU_PROBING,
    TCP_OPTION_SEND_BUFFER,
    TCP_OPTION_RECEIVE_BUFFER,
    TCP_OPTION_NO_SACK,
    TCP_OPTION_NO_TIMESTAMPS,
    TCP_OPTION_NO_WINDOW_SCALE,
    TCP_OPTION_KEEPALIVE,
    TCP_OPTION_USER_TIMEOUT,
    TCP_OPTION_DSCP,
};

/* Rows of a program's `struct option` table. */
#define TCP_OPTIONS                                                                                \
    {"fast-open", no_argument, NULL, TCP_OPTION_FAST_OPEN},                                        \
        {"fast-open-no-cookie", no_argument, NULL, TCP_OPTION_FAST_OPEN_NO_COOKIE},                \
        {"pacing", no_argument, NULL, TCP_OPTION_PACING},                                          \
        {"mtu-probing", required_argument, NULL, TCP_OPTION_MTU_PROBING},                          \
        {"send-buffer", required_argument, NULL, TCP_OPTION_SEND_BUFFER},                          \
        {"receive-buffer", required_argument, NULL, TCP_OPTION_RECEIVE_BUFFER},                    \
        {"no-sack", no_argument, NULL, TCP_OPTION_NO_SACK},                                        \
        {"no-timestamps", no_argument, NULL, TCP_OPTION_NO_TIMESTAMPS},                            \
        {"no-window-scale", no_argument, NULL, TCP_OPTION_NO_WINDOW_SCALE},                        \
        {"keepalive", required_argument, NULL, TCP_OPTION_KEEPALIVE},                              \
        {"user-timeout", required_argument, NULL, TCP_OPTION_USER_TIMEOUT},                        \
    {                                                                                              \
        "dscp", required_argument, NULL, TCP_OPTION_DSCP                                           \
    }

/* Lines of --help. */
#define TCP_OPTIONS_HELP                                                                           \
    "  --pacing             segments spread over the round trip (in bursts)\n"                     \
    "  --mtu-probing NAME   find out how large packets may be: off, after-black-hole or always\n"  \
    "                       (after-black-hole)\n"                                                  \
    "  --send-buffer BYTES  fixed, 4096 to 1073741824 (524288, and as far as the path needs it)\n" \
    "  --receive-buffer BYTES  likewise (262144, and as far as the path needs it)\n"               \
    "  --no-sack, --no-timestamps, --no-window-scale  without these options of TCP\n"              \
    "  --keepalive SECONDS  ask peers that long silent whether they are there, 1 to 32767; 9\n"    \
    "                       times in 75 s steps (never)\n"                                         \
    "  --user-timeout SECONDS  give up what is not acknowledged after so long, 1 to 86400\n"       \
    "                       (after 15 retransmissions)\n"                                          \
    "  --dscp N             the class of what is sent (RFC 2474), 0 to 63 (0)\n"

static inline bool tcp_option_has(int option)
{
    return option >= TCP_OPTION_FAST_OPEN && option <= TCP_OPTION_DSCP;
}

void tcp_options_init(struct tcp_options *options);

/* False when the value is none for that option. */
bool tcp_option_take(int option, const char *value, struct tcp_options *options);

/* Then why, with a %s for the value; of options that have one. */
const char *tcp_option_refusal(int option);

/* What they say of a listener's connections, or of one that is opened; of the rest nothing is
 * touched, nor is the size of a buffer that was not given. */
void tcp_options_listen(const struct tcp_options *options, struct hr_listen_options *listen);
void tcp_options_connect(const struct tcp_options *options, struct hr_connect_options *connect);

#endif
