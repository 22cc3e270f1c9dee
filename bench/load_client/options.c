#include "bench/load_client/options.h"

#include "bench/load_client/schedule.h"
#include "bench/values.h"

#include <stdio.h>
#include <string.h>

const char *const load_stack_names[] = {"kernel", "headrace", NULL};
const char *const load_workload_names[] = {"echo", "connect", "upload", "download", NULL};
static const char *const close_names[] = {"client", "server", NULL};

/* In the order of enum hr_ecn. */
static const char *const ecn_names[] = {"off", "classic", "accurate", NULL};

static const char help[] =
    "usage: load --target IP:PORT [options]\n"
    "       load --stack headrace --interface IF --address CIDR --target IP:PORT [options]\n"
    "\n"
    "A client for echo, discard and chargen servers (RFC 862, 863, 864).\n"
    "\n"
    "  --stack NAME         kernel: the kernel's sockets, with epoll; headrace: our own, over\n"
    "                       AF_XDP (kernel)\n"
    "  --target IP:PORT     the server; [IP]:PORT for IPv6\n"
    "  --address IP[/LEN]   connect from there; may be repeated, and is taken in turn\n"
    "  --workload NAME      echo, connect, upload or download (echo)\n"
    "  --connections N      at once, 1 to 50000 (1)\n"
    "  --size B             bytes of a request, 1 to 1048576 (64)\n"
    "  --depth N            requests in flight per connection, 1 to 1024 (1)\n"
    "  --rate N             requests (connections) a second in all, answered or not: an open\n"
    "                       loop, which never sleeps; for echo and connect\n"
    "  --close NAME         client or server: who closes first in connect (client)\n"
    "  --congestion NAME    congestion control: cubic, newreno, dctcp, bbr, or a name of the\n"
    "                       kernel's (cubic, or the kernel's choice)\n"
    "  --duration SECONDS   of measuring (5)\n"
    "  --warmup SECONDS     before it (1)\n"
    "  --verify             compare every byte\n"
    "  --json FILE          write the results\n"
    "  --histogram FILE     write all latencies in HdrHistogram's log format\n"
    "\n"
    "With --stack headrace, as echo_server has them:\n"
    "  --interface IF, --address CIDR, which the kernel must not have, --gateway IP,\n"
    "  --queues LIST, --cores LIST, --mode NAME, --busy, --sleep, --receive-frames N,\n"
    "  --time-wait SECONDS, --ack-segments N, --ack-hold US, and\n"
    "  --ecn NAME           asked for: off, classic or accurate (off)\n" TCP_OPTIONS_HELP
    "  --fast-open          requests of connect go with the SYN (RFC 7413)\n"
    "  --fast-open-no-cookie  likewise, from the first on: where sources can be trusted\n"
    "\n"
    "  --help, --version\n";

enum {
    OPTION_STACK = 256,
    OPTION_TARGET,
    OPTION_WORKLOAD,
    OPTION_CONNECTIONS,
    OPTION_SIZE,
    OPTION_DEPTH,
    OPTION_RATE,
    OPTION_CLOSE,
    OPTION_CONGESTION,
    OPTION_ECN,
    OPTION_DURATION,
    OPTION_WARMUP,
    OPTION_VERIFY,
    OPTION_JSON,
    OPTION_HISTOGRAM,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option names[] = {
    {"stack", required_argument, NULL, OPTION_STACK},
    {"target", required_argument, NULL, OPTION_TARGET},
    {"workload", required_argument, NULL, OPTION_WORKLOAD},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"depth", required_argument, NULL, OPTION_DEPTH},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"close", required_argument, NULL, OPTION_CLOSE},
    {"congestion", required_argument, NULL, OPTION_CONGESTION},
    {"ecn", required_argument, NULL, OPTION_ECN},
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"json", required_argument, NULL, OPTION_JSON},
    {"histogram", required_argument, NULL, OPTION_HISTOGRAM},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    PLACE_OPTIONS_OF_PORTS,
    PLACE_OPTIONS_OF_STACK,
    TCP_OPTIONS,
    {0},
};

static enum load_parse wrong(const char *sentence, const char *value)
{
    (void)fprintf(stderr, "load: '%s' %s See load --help.\n", value, sentence);
    return LOAD_WRONG;
}

static enum load_parse lacks(const char *sentence)
{
    (void)fprintf(stderr, "load: %s See load --help.\n", sentence);
    return LOAD_WRONG;
}

/* "192.0.2.1:7" or "[2001:db8::1]:7". */
static bool parse_target(const char *text, struct hr_addr *target)
{
    const char *colon = strrchr(text, ':');
    char host[64];
    size_t length = colon ? (size_t)(colon - text) : sizeof host;
    bool brackets;
    unsigned port;

    if (length >= sizeof host || !value_unsigned(colon + 1, 1, 65535, &port)) {
        return false;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    brackets = length >= 3 && host[0] == '[' && host[length - 1] == ']';
    if (brackets) {
        host[length - 1] = '\0';
    } else if (strchr(host, ':')) {
        return false;
    }
    return hr_addr_parse(brackets ? host + 1 : host, (uint16_t)port, target) == HR_OK;
}

/* This program's words for it. */
static const char *refusal(int option)
{
    switch (option) {
    case PLACE_ADDRESS:
        return "is one too many: at most 16 addresses can be given.";
    case PLACE_GATEWAY:
        return "is one too many: at most 16 gateways can be given.";
    case PLACE_MODE:
        return "is no mode: auto, zerocopy, native or generic.";
    case PLACE_RECEIVE_FRAMES:
        return "is no number of frames: 2048, 4096, ... 65536.";
    case PLACE_TIME_WAIT:
        return "is no time for TIME-WAIT: 1 to 240 seconds.";
    case PLACE_ACK_SEGMENTS:
        return "is no number of segments for an ACK: 1 to 256.";
    case PLACE_ACK_HOLD:
        return "is no time to hold ACKs for: 0 to 40000 microseconds.";
    default:
        return "is no list of numbers: as 0 or 0,1.";
    }
}

/* With or without a length behind it, which our own stack asks for. */
static bool parse_address(const char *text, struct hr_addr *addr)
{
    char host[64];
    size_t length = strcspn(text, "/");

    if (length >= sizeof host) {
        return false;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    return hr_addr_parse(host, 0, addr) == HR_OK;
}

static enum load_parse take_place(int option, const char *value, struct load_options *options)
{
    struct place_options *place = &options->place;

    if (!place_take(option, value, place)) {
        return wrong(refusal(option), value);
    }
    if (option == PLACE_ADDRESS &&
        !parse_address(value, &options->addresses[place->address_count - 1])) {
        return wrong(
            "is no address: as 192.0.2.1/24, or without a length for the kernel's "
            "stack.",
            value);
    }
    return LOAD_RUN;
}

/* Its sentences are those of echo_server. */
static enum load_parse take_tcp(int option, const char *value, struct load_options *options)
{
    if (tcp_option_take(option, value, &options->tcp)) {
        return LOAD_RUN;
    }
    (void)fprintf(stderr, "load: ");
    (void)fprintf(stderr, tcp_option_refusal(option), value);
    (void)fprintf(stderr, " See load --help.\n");
    return LOAD_WRONG;
}

static enum load_parse take_name(int option, const char *value, struct load_options *options)
{
    int found;

    switch (option) {
    case OPTION_STACK:
        found = value_name(value, load_stack_names);
        options->stack = (enum load_stack)found;
        return found >= 0 ? LOAD_RUN : wrong("is no stack: kernel or headrace.", value);
    case OPTION_WORKLOAD:
        found = value_name(value, load_workload_names);
        options->workload = (enum load_workload)found;
        return found >= 0 ? LOAD_RUN
                          : wrong("is no workload: echo, connect, upload or download.", value);
    case OPTION_ECN:
        found = value_name(value, ecn_names);
        options->ecn = (enum hr_ecn)found;
        return found >= 0 ? LOAD_RUN : wrong("is no ECN: off, classic or accurate.", value);
    default:
        found = value_name(value, close_names);
        options->close = (enum load_close)found;
        return found >= 0 ? LOAD_RUN : wrong("does not close: client or server.", value);
    }
}

static enum load_parse take_number(int option, const char *value, struct load_options *options)
{
    bool good;

    switch (option) {
    case OPTION_CONNECTIONS:
        good = value_unsigned(value, 1, 50000, &options->connections);
        return good ? LOAD_RUN : wrong("is no number of connections: 1 to 50000.", value);
    case OPTION_SIZE:
        good = value_unsigned(value, 1, 1048576, &options->size);
        return good ? LOAD_RUN : wrong("is no size: 1 to 1048576 bytes.", value);
    case OPTION_DEPTH:
        good = value_unsigned(value, 1, 1024, &options->depth);
        return good ? LOAD_RUN : wrong("is no depth: 1 to 1024 requests.", value);
    case OPTION_RATE:
        good = value_unsigned(value, 1, SCHEDULE_RATE_MAX, &options->rate);
        return good ? LOAD_RUN : wrong("is no rate: 1 to 100000000 requests a second.", value);
    case OPTION_DURATION:
        good = value_seconds(value, &options->duration_s) && options->duration_s > 0;
        return good ? LOAD_RUN : wrong("is no duration: seconds, as 0.5 or 60.", value);
    default:
        good = value_seconds(value, &options->warmup_s);
        return good ? LOAD_RUN : wrong("is no warm-up: seconds, as 0 or 1.5.", value);
    }
}

static enum load_parse take(int option, const char *value, struct load_options *options)
{
    if (place_has(option)) {
        return take_place(option, value, options);
    }
    if (tcp_option_has(option)) {
        return take_tcp(option, value, options);
    }
    switch (option) {
    case OPTION_TARGET:
        options->target_text = value;
        return parse_target(value, &options->target)
                   ? LOAD_RUN
                   : wrong("is no target: IP:PORT or [IP]:PORT.", value);
    case OPTION_STACK:
    case OPTION_WORKLOAD:
    case OPTION_CLOSE:
    case OPTION_ECN:
        return take_name(option, value, options);
    case OPTION_CONGESTION:
        options->congestion = value;
        return LOAD_RUN;
    case OPTION_VERIFY:
        options->verify = true;
        return LOAD_RUN;
    case OPTION_JSON:
        options->json = value;
        return LOAD_RUN;
    case OPTION_HISTOGRAM:
        options->histogram = value;
        return LOAD_RUN;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return LOAD_DONE;
    case OPTION_VERSION:
        (void)puts("load " HR_VERSION);
        return LOAD_DONE;
    default:
        return take_number(option, value, options);
    }
}

/* What only all of them together show. */
static enum load_parse check(const struct load_options *options)
{
    bool is_headrace = options->stack == LOAD_HEADRACE;

    if (!options->target_text) {
        return lacks("No target was given: --target IP:PORT.");
    }
    if (is_headrace && !options->place.interface) {
        return lacks("No interface was given: --interface IF.");
    }
    if (is_headrace && options->place.address_count == 0) {
        return lacks("No address was given: --address CIDR.");
    }
    if (!is_headrace && options->needs_headrace) {
        return wrong("is for --stack headrace.", options->needs_headrace);
    }
    if (is_headrace && options->congestion &&
        value_name(options->congestion, hr_congestion_controls()) < 0) {
        return wrong("is no congestion control: cubic, newreno, dctcp or bbr.",
                     options->congestion);
    }
    if (options->rate > 0 && options->workload != LOAD_ECHO && options->workload != LOAD_CONNECT) {
        return lacks("--rate is for requests: --workload echo or connect.");
    }
    if (options->tcp.fast_open && options->workload != LOAD_CONNECT) {
        return lacks("--fast-open is for connections that begin: --workload connect.");
    }
    if (options->close == LOAD_CLOSE_SERVER && options->workload != LOAD_CONNECT) {
        return lacks("--close is for connections that end: --workload connect.");
    }
    return LOAD_RUN;
}

enum load_parse load_options_parse(int argc, char **argv, struct load_options *options)
{
    int option;

    *options = (struct load_options){.connections = 1,
                                     .size = 64,
                                     .depth = 1,
                                     .duration_s = 5,
                                     .warmup_s = 1,
                                     .ecn = hr_connect_options_default.ecn};
    tcp_options_init(&options->tcp);
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", names, NULL)) != -1) {
        enum load_parse result;

        if (option == '?' || option == ':') {
            return wrong(option == ':' ? "lacks its value." : "is not an option.",
                         argv[optind - 1]);
        }
        if ((place_has(option) && option != PLACE_ADDRESS) || tcp_option_has(option) ||
            option == OPTION_ECN) {
            options->needs_headrace = argv[optind - 1 - (optarg == argv[optind - 1])];
        }
        result = take(option, optarg, options);
        if (result != LOAD_RUN) {
            return result;
        }
    }
    if (optind < argc) {
        return wrong("is not an option.", argv[optind]);
    }
    return check(options);
}
