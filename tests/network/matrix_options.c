#include "tests/network/matrix_options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 10000u
#define BYTES_MAX (1ull << 32)

static int find(const char *text, const char *const names[3])
{
    for (int i = 0; i < 3 && names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            return i;
        }
    }
    (void)fprintf(stderr, "matrix_client: '%s' is none of the values\n", text);
    exit(2);
}

static uint64_t number(const char *text, uint64_t max)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);

    if (*end != '\0' || value == 0 || value > max) {
        (void)fprintf(stderr, "matrix_client: '%s' is no number from 1 to %llu\n", text,
                      (unsigned long long)max);
        exit(2);
    }
    return value;
}

void matrix_options_parse(int argc, char **argv, struct matrix_options *options)
{
    static const struct option names[] = {
        {"connections", required_argument, NULL, 'n'}, {"bytes", required_argument, NULL, 'b'},
        {"chunks", required_argument, NULL, 'c'},      {"end", required_argument, NULL, 'e'},
        {"pace", required_argument, NULL, 'p'},        {0},
    };
    static const char *const chunks[3] = {"whole", "random"};
    static const char *const ends[3] = {"client", "server", "reset"};
    static const char *const paces[3] = {"normal", "slow-reader", "slow-writer"};
    int option;

    *options = (struct matrix_options){.connections = 1, .bytes = 65536};
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'n':
            options->connections = (unsigned)number(optarg, CONNECTIONS_MAX);
            break;
        case 'b':
            options->bytes = number(optarg, BYTES_MAX);
            break;
        case 'c':
            options->random_chunks = find(optarg, chunks) == 1;
            break;
        case 'e':
            options->end = (enum matrix_end)find(optarg, ends);
            break;
        case 'p':
            options->pace = (enum matrix_pace)find(optarg, paces);
            break;
        default:
            exit(2);
        }
    }
    options->server.sin_family = AF_INET;
    if (optind + 2 != argc || inet_pton(AF_INET, argv[optind], &options->server.sin_addr) != 1) {
        (void)fprintf(stderr, "usage: matrix_client HOST PORT [options]\n");
        exit(2);
    }
    options->server.sin_port = htons((uint16_t)number(argv[optind + 1], 65535));
}
