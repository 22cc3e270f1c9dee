#include "bench/echo/options.h"

#include "bench/values.h"

#include <headrace/headrace.h>
#include <stdio.h>

const char *const echo_service_names[] = {"echo", "discard", "chargen", NULL};

/* In the order of enum hr_ecn. */
static const char *const ecn_names[] = {"off", "classic", "accurate", NULL};

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
    "  --congestion NAME    congestion control: cubic, newreno, dctcp or bbr (cubic)\n"
    "  --keepalive SECONDS  ask clients that long silent whether they are there, 1 to 32767; 9\n"
    "                       times in 75 s steps (never)\n"
    "  --user-timeout SECONDS  give up what is not acknowledged after so long, 1 to 86400\n"
    "                       (after 15 retransmissions)\n"
    "  --dscp N             the class of what is sent (RFC 2474), 0 to 63 (0)\n"
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
    OPTION_KEEPALIVE,
    OPTION_USER_TIMEOUT,
    OPTION_DSCP,
    OPTION_DURATION,
    OPTION_STATS,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option names[] = {
    PLACE_OPTIONS_OF_PORTS,
    PLACE_OPTIONS_OF_STACK,
    {"port", required_argument, NULL, OPTION_PORT},
    {"service", required_argument, NULL, OPTION_SERVICE},
    {"close-after", required_argument, NULL, OPTION_CLOSE_AFTER},
    {"congestion", required_argument, NULL, OPTION_CONGESTION},
    {"ecn", required_argument, NULL, OPTION_ECN},
    {"keepalive", required_argument, NULL, OPTION_KEEPALIVE},
    {"user-timeout", required_argument, NULL, OPTION_USER_TIMEOUT},
    {"dscp", required_argument, NULL, OPTION_DSCP},
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

static enum echo_parse take_tuning(int option, const char *value, struct echo_options *options)
{
    struct hr_tuning *tuning = &options->tuning;
    unsigned number = 0;
    bool good;

    switch (option) {
    case OPTION_KEEPALIVE:
        good = value_unsigned(value, 1, 32767, &number);
        tuning->keepalive = true;
        tuning->keepalive_idle_s = (uint16_t)number;
        return good ? ECHO_RUN : wrong("--keepalive takes 1 to 32767 seconds, not '%s'.", value);
    case OPTION_USER_TIMEOUT:
        good = value_unsigned(value, 1, 86400, &number);
        tuning->user_timeout_ms = number * 1000;
        return good ? ECHO_RUN : wrong("--user-timeout takes 1 to 86400 seconds, not '%s'.", value);
    default:
        good = value_unsigned(value, 0, 63, &number);
        tuning->dscp = (uint8_t)number;
        return good ? ECHO_RUN : wrong("--dscp takes a number from 0 to 63, not '%s'.", value);
    }
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

static enum echo_parse take(int option, const char *value, struct echo_options *options)
{
    if (place_has(option)) {
        return place_take(option, value, &options->place) ? ECHO_RUN
                                                          : wrong(place_refusal(option), value);
    }
    switch (option) {
    case OPTION_SERVICE:
        return take_service(value, options);
    case OPTION_CONGESTION:
        return take_congestion(value, options);
    case OPTION_KEEPALIVE:
    case OPTION_USER_TIMEOUT:
    case OPTION_DSCP:
        return take_tuning(option, value, options);
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

    *options = (struct echo_options){.port = 7, .tuning = hr_tuning_default};
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
