#include "bench/reflector/options.h"

#include "bench/reflector/datagram.h"
#include "bench/values.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: reflector --interface IF --address CIDR [options]\n"
    "       reflector --interface IF --address CIDR --drive IP:PORT [options]\n"
    "\n"
    "Sends UDP datagrams back where they came from, over AF_XDP, with no protocol but that:\n"
    "the ceiling of the place. With --drive it is the other end, and measures.\n"
    "\n"
    "  --interface IF       network interface\n"
    "  --address CIDR       own IPv4 address, as 192.0.2.1/24; may be repeated. The kernel\n"
    "                       must not have it.\n"
    "  --port N             own UDP port (7)\n"
    "  --queues LIST        queues of the interface, a worker each, as 0,1 (all; with\n"
    "                       --drive, which uses one: 0)\n"
    "  --cores LIST         a core for each worker, as 0,1 (those that may be used, in order)\n"
    "  --mode NAME          auto, zerocopy, native or generic (auto)\n"
    "  --busy               never sleep\n"
    "  --sleep              sleep at once when there is nothing to do\n"
    "  --receive-frames N   what each queue has for what arrives, a power of two from 2048 to\n"
    "                       65536; half as many packets may wait (2048)\n"
    "  --batch N            packets taken at a time, 1 to 64 (64)\n"
    "  --one-way            at both ends: the driver sends as much as it can, the server\n"
    "                       counts\n"
    "  --verify             at the end that measures: compare every byte. With --one-way at\n"
    "                       both ends: the driver writes what the server compares\n"
    "  --duration SECONDS   end by itself (until a signal; with --drive: 5)\n"
    "  --json FILE          write the numbers\n"
    "  --drive IP:PORT      a reflector on the same link\n"
    "  --in-flight N        datagrams on the way at once, 1 to half of\n"
    "                       --receive-frames (1)\n"
    "  --size BYTES         payload of a datagram, 1 to 3772 (64); it has 16 at least, and\n"
    "                       with --one-way 40, for what the driver has to know\n"
    "  --warmup SECONDS     not measured (0.5)\n"
    "  --help, --version\n";

static_assert(DATAGRAM_SIZE_MIN == 16 && DATAGRAM_REPORT_BYTES == 40, "as the help says");

enum {
    OPTION_PORT = 256,
    OPTION_BATCH,
    OPTION_ONE_WAY,
    OPTION_VERIFY,
    OPTION_DURATION,
    OPTION_JSON,
    OPTION_DRIVE,
    OPTION_IN_FLIGHT,
    OPTION_SIZE,
    OPTION_WARMUP,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option names[] = {
    PLACE_OPTIONS_OF_PORTS,
    {"port", required_argument, NULL, OPTION_PORT},
    {"batch", required_argument, NULL, OPTION_BATCH},
    {"one-way", no_argument, NULL, OPTION_ONE_WAY},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"json", required_argument, NULL, OPTION_JSON},
    {"drive", required_argument, NULL, OPTION_DRIVE},
    {"in-flight", required_argument, NULL, OPTION_IN_FLIGHT},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static enum reflector_parse wrong(const char *format, const char *value)
{
    (void)fprintf(stderr, "reflector: ");
    (void)fprintf(stderr, format, value);
    (void)fprintf(stderr, " See reflector --help.\n");
    return REFLECTOR_WRONG;
}

static enum reflector_parse take_place(int option, const char *value,
                                       struct reflector_options *options)
{
    struct ip_prefix address;

    if (!place_take(option, value, &options->place)) {
        return wrong(place_refusal(option), value);
    }
    if (option != PLACE_ADDRESS) {
        return REFLECTOR_RUN;
    }
    if (ip_prefix_parse(value, &address) != 0 || !ip_addr_is_v4(&address.addr) ||
        !strchr(value, '/')) {
        return wrong("--address takes an IPv4 address and its prefix, as 192.0.2.1/24, not '%s'.",
                     value);
    }
    options->addresses[options->place.address_count - 1] = address;
    return REFLECTOR_RUN;
}

static enum reflector_parse take_target(const char *value, struct reflector_options *options)
{
    const char *colon = strrchr(value, ':');
    char address[IP_ADDR_TEXT_BYTES];
    unsigned port = 0;

    if (!colon || (size_t)(colon - value) >= sizeof address ||
        !value_unsigned(colon + 1, 1, 65535, &port)) {
        return wrong("--drive takes IP:PORT, as 192.0.2.1:7, not '%s'.", value);
    }
    memcpy(address, value, (size_t)(colon - value));
    address[colon - value] = '\0';
    if (ip_addr_parse(address, &options->target) != 0 || !ip_addr_is_v4(&options->target)) {
        return wrong("--drive takes IP:PORT, as 192.0.2.1:7, not '%s'.", value);
    }
    options->target_port = (uint16_t)port;
    options->is_driver = true;
    return REFLECTOR_RUN;
}

static enum reflector_parse take_seconds(int option, const char *value,
                                         struct reflector_options *options)
{
    if (option == OPTION_WARMUP) {
        return value_seconds(value, &options->warmup_s)
                   ? REFLECTOR_RUN
                   : wrong("--warmup takes seconds, as 0 or 1.5, not '%s'.", value);
    }
    return value_seconds(value, &options->duration_s) && options->duration_s > 0
               ? REFLECTOR_RUN
               : wrong("--duration takes seconds, as 0.5 or 60, not '%s'.", value);
}

static enum reflector_parse take_number(int option, const char *value,
                                        struct reflector_options *options)
{
    unsigned number = 0;

    switch (option) {
    case OPTION_PORT:
        if (!value_unsigned(value, 1, 65535, &number)) {
            return wrong("--port takes a number from 1 to 65535, not '%s'.", value);
        }
        options->port = (uint16_t)number;
        return REFLECTOR_RUN;
    case OPTION_BATCH:
        return value_unsigned(value, 1, PORT_BURST, &options->batch)
                   ? REFLECTOR_RUN
                   : wrong("--batch takes a number from 1 to 64, not '%s'.", value);
    case OPTION_IN_FLIGHT:
        return value_unsigned(value, 1, REFLECTOR_IN_FLIGHT_MAX, &options->in_flight)
                   ? REFLECTOR_RUN
                   : wrong("--in-flight takes a number from 1 to 32768, not '%s'.", value);
    default:
        return value_unsigned(value, 1, DATAGRAM_SIZE_MAX, &options->size)
                   ? REFLECTOR_RUN
                   : wrong("--size takes a number from 1 to 3772, not '%s'.", value);
    }
}

static enum reflector_parse take(int option, const char *value, struct reflector_options *options)
{
    if (place_has(option)) {
        return take_place(option, value, options);
    }
    switch (option) {
    case OPTION_DRIVE:
        return take_target(value, options);
    case OPTION_ONE_WAY:
        options->is_one_way = true;
        return REFLECTOR_RUN;
    case OPTION_VERIFY:
        options->is_verified = true;
        return REFLECTOR_RUN;
    case OPTION_JSON:
        options->json = value;
        return REFLECTOR_RUN;
    case OPTION_DURATION:
    case OPTION_WARMUP:
        return take_seconds(option, value, options);
    case OPTION_HELP:
        (void)fputs(help, stdout);
        return REFLECTOR_DONE;
    case OPTION_VERSION:
        (void)puts("reflector " HEADRACE_VERSION);
        return REFLECTOR_DONE;
    default:
        return take_number(option, value, options);
    }
}

static enum reflector_parse check(struct reflector_options *options)
{
    struct place_options *place = &options->place;

    if (!place->interface) {
        return wrong("%s", "No interface was given: --interface IF.");
    }
    if (place->address_count == 0) {
        return wrong("%s", "No address was given: --address CIDR.");
    }
    if (options->is_driver && place->queue_count == 0) {
        place->queue_count = 1;
    }
    if (options->is_driver && (place->queue_count > 1 || place->core_count > 1)) {
        return wrong("%s", "With --drive there is one queue and one core.");
    }
    while (options->is_driver &&
           !ip_prefix_contains(&options->addresses[options->source], &options->target)) {
        if (++options->source == place->address_count) {
            return wrong("--drive takes an address on the link of '%s'.", place->addresses[0]);
        }
    }
    options->size =
        max_u32(options->size, options->is_one_way ? DATAGRAM_REPORT_BYTES : DATAGRAM_SIZE_MIN);
    if (options->in_flight > place->receive_frames / 2) {
        return wrong("%s",
                     "More than half of --receive-frames can't be in flight: the rest is lost.");
    }
    if (options->is_driver && options->duration_s <= 0) {
        options->duration_s = 5;
    }
    return REFLECTOR_RUN;
}

enum reflector_parse reflector_options_parse(int argc, char **argv,
                                             struct reflector_options *options)
{
    int option;

    *options = (struct reflector_options){.place.receive_frames = NIC_FRAMES_TO_LEND_MIN,
                                          .port = 7,
                                          .batch = PORT_BURST,
                                          .in_flight = 1,
                                          .size = 64,
                                          .warmup_s = 0.5};
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", names, NULL)) != -1) {
        enum reflector_parse result;

        if (option == '?' || option == ':') {
            return wrong(option == ':' ? "%s lacks its value." : "'%s' is not an option.",
                         argv[optind - 1]);
        }
        result = take(option, optarg, options);
        if (result != REFLECTOR_RUN) {
            return result;
        }
    }
    return optind < argc ? wrong("'%s' is not an option.", argv[optind]) : check(options);
}
