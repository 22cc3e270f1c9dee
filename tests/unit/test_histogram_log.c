/*
 * Goal:   what is written in HdrHistogram's log format says, read by another's eyes,
 *         what was added: how many, and each within its bucket of three digits.
 * Method: a decoder in Python, written from the description of the format, prints the
 *         buckets of a written file; they are compared with the values, as a table.
 */
#include "bench/histogram_log.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define VALUES 6

static struct histogram histogram;

/* Beside this file. */
static FILE *decoder(const char *path)
{
    const char *slash = strrchr(__FILE__, '/');
    char command[1024];

    assert_non_null(slash);
    (void)snprintf(command, sizeof command, "python3 '%.*s/hdr_decode.py' '%s'",
                   (int)(slash - __FILE__), __FILE__, path);
    return popen(command, "r");
}

/* What the decoder says of `histogram` as written; its first line. */
static void write_and_decode(char *line, int bytes)
{
    char path[] = "/tmp/headrace-histogram-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    FILE *decoded;

    assert_true(fd >= 0 && file);
    assert_int_equal(histogram_log_write(file, &histogram, 1.7e9, 2.5), 0);
    assert_int_equal(fclose(file), 0);
    decoded = decoder(path);
    assert_non_null(decoded);
    assert_non_null(fgets(line, bytes, decoded));
    assert_int_equal(pclose(decoded), 0);
    (void)unlink(path);
}

struct row {
    const char *name;
    uint64_t values[VALUES]; /* each in a bucket of its own, ascending */
    uint64_t counts[VALUES]; /* 0 ends them */
};

/* So many as some rows want can't be added one by one. */
static void fill(const struct row *row)
{
    memset(&histogram, 0, sizeof histogram);
    for (unsigned i = 0; i < VALUES && row->counts[i] > 0; i++) {
        unsigned bucket = HISTOGRAM_BUCKETS;

        histogram_add(&histogram, row->values[i]);
        while (histogram.buckets[--bucket] == 0) {
        }
        histogram.buckets[bucket] = row->counts[i];
    }
}

static void compare(const struct row *row, char *words)
{
    char *word;
    unsigned at = 0;

    while ((word = strsep(&words, " ")) != NULL) {
        uint64_t count;
        uint64_t low;
        uint64_t high;

        assert_int_equal(sscanf(word, "%" SCNu64 ":%" SCNu64 ":%" SCNu64, &count, &low, &high), 3);
        assert_true(at < VALUES);
        assert_int_equal(count, row->counts[at]);
        assert_in_range(row->values[at], low, high);
        assert_true((high - low) * 1000 <= low);
        at++;
    }
    assert_true(at == VALUES || row->counts[at] == 0);
}

static void values_come_back(void **state)
{
    static const struct row rows[] = {
        {"empty", {0}, {0}},
        {"nought", {0}, {1}},
        {"one empty bucket before", {1}, {1}},
        {"two empty buckets before", {2}, {1}},
        {"neighbours, and a gap of one", {7, 8, 10}, {1, 2, 3}},
        {"the end of the linear ones", {2046, 2047, 2048}, {1, 1, 1}},
        {"across all powers", {3, 5000, 1000000, 1000000000, 3599999999999}, {9, 8, 7, 6, 5}},
        {"long counts", {1, 2, 3, 4, 5}, {63, 64, 8191, 1ull << 55, (1ull << 62) + 12345}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[1024];
        char *rest = line;
        double largest_ms;

        print_message("  %s\n", rows[i].name);
        fill(&rows[i]);
        write_and_decode(line, sizeof line);
        line[strcspn(line, "\n")] = '\0';
        assert_string_equal(strsep(&rest, " "), "0.0");
        assert_string_equal(strsep(&rest, " "), "2.5");
        largest_ms = strtod(strsep(&rest, " "), NULL);
        assert_true(largest_ms * 1e6 <= (double)histogram.largest + 1e3);
        assert_true(largest_ms * 1e6 >= (double)histogram.largest - 1e3);
        compare(&rows[i], rest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
