#include "bench/echo/options.h"

#include "bench/values.h"

#include <headrace/headrace.h>
#include <stdio.h>

const char *const echo_service_names[] = {"echo", "discard", "chargen", NULL};

/* In the order of enum hr_ecn. */
static const char *const ecn_names[] = {"off", "classic", "accurate", NULL};

/* In the order of enum hr_syn_cookies. */
static const char *const syn_cookies_names[] = {"never", "when-full", "always", NULL};

static const char help[] =
    "usage: echo_server --interface IF --address CIDR [options]\n"
    "\n"
    "Serves TCP echo, discard or chargen (RFC 862, 863, 864) through AF_XDP.\n"
    "\n"
    "  --interface IF       network interface\n"
    "  --address CIDR       own address, as 192.0.2.1/24; may be repeated. The kernel must\n"
    "                       not have it.\n"
    "  --gateway IP         default route; may be repeated, once per family\n"
    "  --port N             TCP port (7)\n"
    "  --service NAME       echo, discard or chargen (echo)\n"
    "  --close-after BYTES  echo so many bytes of a connection, then close first; what still\n"
    "                       comes is thrown away (never)\n"
    "  --congestion NAME    congestion control: cubic, newreno, dctcp or bbr "
    "(cubic)\n" TCP_OPTIONS_HELP
    "  --fast-open          serve data that comes with the SYN (RFC 7413; never)\n"
    "  --fast-open-no-cookie  of any SYN: only where sources can be trusted\n"
    "  --syn-cookies NAME   answer SYNs with cookies: never, when-full or always (when-full)\n"
    "  --ecn NAME           agreed to at most: off, classic or accurate (accurate)\n"
    "  --queues LIST        queues of the interface, a worker each, as 0,1 (all)\n"
    "  --cores LIST         a core for each worker, as 0,1 (those that may be used, in order)\n"
    "  --mode NAME          auto, zerocopy, native or generic (auto)\n"
    "  --busy               never sleep\n"
    "  --sleep              sleep at once when there is nothing to do\n"
    "  --receive-frames N   what each queue has for what arrives, a power of two from 2048 to\n"
    "                       65536; half as many packets may wait (2048, or twice the NIC's\n"
    "                       ring)\n"
    "  --time-wait SECONDS  2MSL, 1 to 240 (60)\n"
    "  --ack-segments N     full segments that one ACK may be for, 1 to 256 (16) ...\n"
    "  --ack-hold US        ... and for how long it is held for them, 0 to 40000 (20)\n"
    "  --duration SECONDS   end by itself\n"
    "  --stats SECONDS      print statistics at this interval\n"
    "  --json FILE          write the final statistics\n"
    "  --help, --version\n";

enum {
    OPTION_PORT = 256,
    OPTION_SERVICE,
    OPTION_CLOSE_AFTER,
    OPTION_CONGESTION,
    OPTION_ECN,
    OPTION_SYN_COOKIES,
    OPTION_DURATION,
    OPTION_STATS,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option names[] = {
    PLACE_OPTIONS_OF_PORTS,
    PLACE_OPTIONS_OF_STACK,
    TCP_OPTIONS,
    {"port", required_argument, NULL, OPTION_PORT},
    {"service", required_argument, NULL, OPTION_SERVICE},
    {"close-after", required_argument, NULL, OPTION_CLOSE_AFTER},
    {"congestion", required_argument, NULL, OPTION_CONGESTION},
    {"ecn", required_argument, NULL, OPTION_ECN},
    {"syn-cookies", required_argument, NULL, OPTION_SYN_COOKIES},
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"stats", required_argument, NULL, OPTION_STATS},
    {"json", required_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static enum echo_parse wrong(const char *format, const char *value)
{
    (void)fprintf(stderr, "echo_server: ");
    (void)fprintf(stderr, format, value);
    (void)fprintf(stderr, " See echo_server --help.\n");
    return ECHO_WRONG;
}

static enum echo_parse take_number(int option, const char *value, struct echo_options *options)
{
    unsigned number = 0;
    bool good;

    switch (option) {
    case OPTION_PORT:
        good = value_unsigned(value, 1, 65535, &number);
        options->port = (uint16_t)number;
        return good ? ECHO_RUN : wrong("--port takes a number from 1 to 65535, not '%s'.", value);
    case OPTION_CLOSE_AFTER:
        good = value_unsigned(value, 1, UINT32_MAX, &number);
        options->close_after = number;
        return good ? ECHO_RUN : wrong("--close-after takes 1 to 4294967295, not '%s'.", value);
    case OPTION_DURATION:
        good = value_seconds(value, &options->duration_s) && options->duration_s > 0;
        return good ? ECHO_RUN : wrong("--duration takes seconds, as 0.5 or 60, not '%s'.", value);
    default:
        good = value_seconds(value, &options->stats_s) && options->stats_s > 0;
        return good ? ECHO_RUN : wrong("--stats takes seconds, as 0.5 or 60, not '%s'.", value);
    }
}

static enum echo_parse take_service(const char *value, struct echo_options *options)
{
    int found = value_name(value, echo_service_names);

    if (found < 0) {
        return wrong("'%s' is no service: echo, discard or chargen.", value);
    }
    options->service = (enum echo_service)found;
    return ECHO_RUN;
}

static enum echo_parse take_congestion(const char *value, struct echo_options *options)
{
    options->congestion = value;
    return value_name(value, hr_congestion_controls()) >= 0
               ? ECHO_RUN
               : wrong("'%s' is no congestion control: cubic, newreno, dctcp or bbr.", value);
}

static enum echo_parse take_ecn(const char *value, struct echo_options *options)
{
    int found = value_name(value, ecn_names);

    if (found < 0) {
        return wrong("'%s' is no ECN: off, classic or accurate.", value);
    }
    options->ecn = (enum hr_ecn)found;
    return ECHO_RUN;
}

static enum echo_parse take_syn_cookies(const char *value, struct echo_options *options)
{
    int found = value_name(value, syn_cookies_names);

    if (found < 0) {
        return wrong("'%s' is no use of SYN cookies: never, when-full or always.", value);
    }
    options->syn_cookies = (enum hr_syn_cookies)found;
    return ECHO_RUN;
}

static enum echo_parse take(int option, const char *value, struct echo_options *options)
{
    if (place_has(option)) {
        return place_take(option, value, &options->place) ? ECHO_RUN
                                                          : wrong(place_refusal(option), value);
    }
    if (tcp_option_has(option)) {
        return tcp_option_take(option, value, &options->tcp)
                   ? ECHO_RUN
                   : wrong(tcp_option_refusal(option), value);
    }
    switch (option) {
    case OPTION_SERVICE:
        return take_service(value, options);
    case OPTION_CONGESTION:
        return take_congestion(value, options);
    case OPTION_SYN_COOKIES:
        return take_syn_cookies(value, options);
    case OPTION_ECN:
        return take_ecn(value, options);
    case OPTION_JSON:
        options->json = value;
        return ECHO_RUN;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return ECHO_DONE;
    case OPTION_VERSION:
        (void)puts("echo_server " HR_VERSION);
        return ECHO_DONE;
    default:
        return take_number(option, value, options);
    }
}

enum echo_parse echo_options_parse(int argc, char **argv, struct echo_options *options)
{
    int option;

    *options =
        (struct echo_options){.port = 7, .syn_cookies = hr_listen_options_default.syn_cookies};
    tcp_options_init(&options->tcp);
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", names, NULL)) != -1) {
        enum echo_parse result;

        if (option == '?' || option == ':') {
            return wrong(option == ':' ? "%s lacks its value." : "'%s' is not an option.",
                         argv[optind - 1]);
        }
        result = take(option, optarg, options);
        if (result != ECHO_RUN) {
            return result;
        }
    }
    if (optind < argc) {
        return wrong("'%s' is not an option.", argv[optind]);
    }
    if (!options->place.interface) {
        return wrong("%s", "No interface was given: --interface IF.");
    }
    if (options->place.address_count == 0) {
        return wrong("%s", "No address was given: --address CIDR.");
    }
    if (options->close_after > 0 && options->service != ECHO_SERVICE_ECHO) {
        return wrong("--close-after is for echo, not for %s.",
                     echo_service_names[options->service]);
    }
    return ECHO_RUN;
}
