#include "bench/kernel/options.h"

#include "bench/values.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

const char *const kernel_engine_names[] = {"epoll", "io_uring", "busy-poll", NULL};
const char *const kernel_service_names[] = {"echo", "discard", "chargen", NULL};

static const char help[] =
    "usage: kernel_echo --address IP [options]\n"
    "\n"
    "Serves TCP echo, discard or chargen (RFC 862, 863, 864) on the kernel's sockets, to\n"
    "compare with.\n"
    "\n"
    "  --address IP         local address, of IPv4 or IPv6; 0.0.0.0 and :: are all\n"
    "  --port N             TCP port (7)\n"
    "  --service NAME       echo, discard or chargen (echo)\n"
    "  --engine NAME        epoll, io_uring or busy-poll (epoll)\n"
    "  --close-after BYTES  echo so many bytes of a connection, then close first; what still\n"
    "                       comes is thrown away (never)\n"
    "  --congestion NAME    congestion control, of those that the kernel has (its choice)\n"
    "  --cores LIST         a worker on each of these cores, as 0,1 (one worker, not pinned)\n"
    "  --busy               never sleep\n"
    "  --sleep              sleep at once when there is nothing to do\n"
    "  --duration SECONDS   end by itself\n"
    "  --stats SECONDS      print statistics at this interval\n"
    "  --json FILE          write the final statistics\n"
    "  --help, --version\n";

static enum kernel_parse wrong(const char *format, const char *value)
{
    (void)fprintf(stderr, "kernel_echo: ");
    (void)fprintf(stderr, format, value);
    (void)fprintf(stderr, " See kernel_echo --help.\n");
    return KERNEL_WRONG;
}

static enum kernel_parse take_address(const char *value, struct kernel_options *options)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&options->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&options->address;

    if (inet_pton(AF_INET, value, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        options->address_bytes = sizeof *v4;
    } else if (inet_pton(AF_INET6, value, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        options->address_bytes = sizeof *v6;
    } else {
        return wrong("--address takes an address, as 192.0.2.1 or 2001:db8::1, not '%s'.", value);
    }
    options->address_text = value;
    return KERNEL_RUN;
}

static enum kernel_parse take_name(int option, const char *value, struct kernel_options *options)
{
    int found = value_name(value, option == 'e' ? kernel_engine_names : kernel_service_names);

    if (found < 0) {
        return wrong(option == 'e' ? "'%s' is no engine: epoll, io_uring or busy-poll."
                                   : "'%s' is no service: echo, discard or chargen.",
                     value);
    }
    if (option == 'e') {
        options->engine = (enum kernel_engine_kind)found;
    } else {
        options->service = (enum kernel_service)found;
    }
    return KERNEL_RUN;
}

static enum kernel_parse take_number(int option, const char *value, struct kernel_options *options)
{
    unsigned number = 0;
    bool good;

    switch (option) {
    case 'p':
        good = value_unsigned(value, 1, 65535, &number);
        options->port = (uint16_t)number;
        return good ? KERNEL_RUN : wrong("--port takes a number from 1 to 65535, not '%s'.", value);
    case 'l':
        good = value_unsigned(value, 1, UINT32_MAX, &number);
        options->close_after = number;
        return good ? KERNEL_RUN : wrong("--close-after takes 1 to 4294967295, not '%s'.", value);
    case 'c':
        good = value_list(value, options->cores, KERNEL_WORKERS_MAX, &options->core_count);
        return good ? KERNEL_RUN : wrong("--cores takes numbers, as 0 or 0,1, not '%s'.", value);
    case 'd':
        good = value_seconds(value, &options->duration_s) && options->duration_s > 0;
        return good ? KERNEL_RUN
                    : wrong("--duration takes seconds, as 0.5 or 60, not '%s'.", value);
    default:
        good = value_seconds(value, &options->stats_s) && options->stats_s > 0;
        return good ? KERNEL_RUN : wrong("--stats takes seconds, as 0.5 or 60, not '%s'.", value);
    }
}

static enum kernel_parse take(int option, const char *value, struct kernel_options *options)
{
    switch (option) {
    case 'a':
        return take_address(value, options);
    case 'e':
    case 's':
        return take_name(option, value, options);
    case 'b':
        options->wait = KERNEL_WAIT_BUSY;
        return KERNEL_RUN;
    case 'z':
        options->wait = KERNEL_WAIT_SLEEP;
        return KERNEL_RUN;
    case 'g':
        options->congestion = value;
        return KERNEL_RUN;
    case 'j':
        options->json = value;
        return KERNEL_RUN;
    case 'h':
        (void)fputs(help, stdout);
        return KERNEL_DONE;
    case 'v':
        (void)puts("kernel_echo " HEADRACE_VERSION);
        return KERNEL_DONE;
    default:
        return take_number(option, value, options);
    }
}

enum kernel_parse kernel_options_parse(int argc, char **argv, struct kernel_options *options)
{
    static const struct option names[] = {
        {"address", required_argument, NULL, 'a'},
        {"port", required_argument, NULL, 'p'},
        {"service", required_argument, NULL, 's'},
        {"engine", required_argument, NULL, 'e'},
        {"cores", required_argument, NULL, 'c'},
        {"close-after", required_argument, NULL, 'l'},
        {"congestion", required_argument, NULL, 'g'},
        {"busy", no_argument, NULL, 'b'},
        {"sleep", no_argument, NULL, 'z'},
        {"duration", required_argument, NULL, 'd'},
        {"stats", required_argument, NULL, 't'},
        {"json", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    int option;

    *options = (struct kernel_options){.port = 7};
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", names, NULL)) != -1) {
        enum kernel_parse result;

        if (option == '?' || option == ':') {
            return wrong(option == ':' ? "%s lacks its value." : "'%s' is not an option.",
                         argv[optind - 1]);
        }
        result = take(option, optarg, options);
        if (result != KERNEL_RUN) {
            return result;
        }
    }
    if (optind < argc) {
        return wrong("'%s' is not an option.", argv[optind]);
    }
    if (!options->address_text) {
        return wrong("%s", "No address was given: --address IP.");
    }
    if (options->close_after > 0 && options->service != KERNEL_ECHO) {
        return wrong("--close-after is for echo, not for %s.",
                     kernel_service_names[options->service]);
    }
    return KERNEL_RUN;
}
