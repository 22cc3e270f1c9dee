#include "bench/load_client/options.h"

#include "bench/values.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

const char *const load_workload_names[] = {"echo", "connect", "upload", "download", NULL};

static const char help[] =
    "usage: load --stack kernel --target IP:PORT [options]\n"
    "\n"
    "A client for echo, discard and chargen servers (RFC 862, 863, 864).\n"
    "\n"
    "  --stack kernel       through the kernel's sockets, with epoll\n"
    "  --target IP:PORT     the server; [IP]:PORT for IPv6\n"
    "  --workload NAME      echo, connect, upload or download (echo)\n"
    "  --connections N      at once, 1 to 50000 (1)\n"
    "  --size B             bytes of a request, 1 to 1048576 (64)\n"
    "  --depth N            requests in flight per connection, 1 to 1024 (1)\n"
    "  --duration SECONDS   of measuring (5)\n"
    "  --warmup SECONDS     before it (1)\n"
    "  --verify             compare every byte\n"
    "  --json FILE          write the results\n"
    "  --help, --version\n";

enum {
    OPTION_STACK = 256,
    OPTION_TARGET,
    OPTION_WORKLOAD,
    OPTION_CONNECTIONS,
    OPTION_SIZE,
    OPTION_DEPTH,
    OPTION_DURATION,
    OPTION_WARMUP,
    OPTION_VERIFY,
    OPTION_JSON,
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
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"json", required_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static enum load_parse wrong(const char *sentence, const char *value)
{
    (void)fprintf(stderr, "load: '%s' %s See load --help.\n", value, sentence);
    return LOAD_WRONG;
}

/* "192.0.2.1:7" or "[2001:db8::1]:7". */
static bool parse_target(const char *text, struct load_options *options)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&options->target;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&options->target;
    const char *colon = strrchr(text, ':');
    char host[64];
    size_t length = colon ? (size_t)(colon - text) : sizeof host;
    unsigned port;

    if (length >= sizeof host || !value_unsigned(colon + 1, 1, 65535, &port)) {
        return false;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        options->target_bytes = sizeof *v4;
        return true;
    }
    if (length < 3 || host[0] != '[' || host[length - 1] != ']') {
        return false;
    }
    host[length - 1] = '\0';
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    options->target_bytes = sizeof *v6;
    return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1;
}

static enum load_parse take_workload(const char *value, struct load_options *options)
{
    for (int i = 0; load_workload_names[i]; i++) {
        if (strcmp(load_workload_names[i], value) == 0) {
            options->workload = (enum load_workload)i;
            return LOAD_RUN;
        }
    }
    return wrong("is no workload: echo, connect, upload or download.", value);
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
    switch (option) {
    case OPTION_STACK:
        return strcmp(value, "kernel") == 0
                   ? LOAD_RUN
                   : wrong("is no stack that load can use yet: --stack kernel.", value);
    case OPTION_TARGET:
        return parse_target(value, options) ? LOAD_RUN
                                            : wrong("is no target: IP:PORT or [IP]:PORT.", value);
    case OPTION_WORKLOAD:
        return take_workload(value, options);
    case OPTION_VERIFY:
        options->verify = true;
        return LOAD_RUN;
    case OPTION_JSON:
        options->json = value;
        return LOAD_RUN;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return LOAD_DONE;
    case OPTION_VERSION:
        (void)puts("load 0.1.0");
        return LOAD_DONE;
    default:
        return take_number(option, value, options);
    }
}

enum load_parse load_options_parse(int argc, char **argv, struct load_options *options)
{
    int option;

    *options = (struct load_options){
        .connections = 1, .size = 64, .depth = 1, .duration_s = 5, .warmup_s = 1};
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", names, NULL)) != -1) {
        enum load_parse result;

        if (option == '?' || option == ':') {
            return wrong(option == ':' ? "lacks its value." : "is not an option.",
                         argv[optind - 1]);
        }
        result = take(option, optarg, options);
        if (result != LOAD_RUN) {
            return result;
        }
    }
    if (optind < argc) {
        return wrong("is not an option.", argv[optind]);
    }
    if (options->target_bytes == 0) {
        (void)fprintf(stderr, "load: No target was given: --target IP:PORT. See load --help.\n");
        return LOAD_WRONG;
    }
    return LOAD_RUN;
}
