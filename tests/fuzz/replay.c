/*
 * Runs a fuzz target over inputs from files, without libFuzzer: the corpus with every
 * compiler and sanitizer, and a failing input under a debugger.
 *
 *     fuzz_tcp PATH...    files, and folders of files
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX (1u << 20)
#define DEPTH_MAX 4u

static unsigned inputs;

static bool run_file(const char *path)
{
    static uint8_t bytes[INPUT_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    size_t length;
    uint8_t *exact;

    if (!file) {
        perror(path);
        return false;
    }
    length = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    exact = malloc(length > 0 ? length : 1); /* so that reading beyond it is seen */
    if (!exact) {
        return false;
    }
    memcpy(exact, bytes, length);
    (void)fprintf(stderr, "%s\n", path);
    (void)LLVMFuzzerTestOneInput(exact, length);
    free(exact);
    inputs++;
    return true;
}

static bool run_folder(const char *path, unsigned depth);

static bool run_path(const char *path, unsigned depth)
{
    struct stat status;

    if (stat(path, &status) != 0) {
        perror(path);
        return false;
    }
    return S_ISDIR(status.st_mode) ? run_folder(path, depth) : run_file(path);
}

/* In the order of their names, so that two runs print the same. */
static bool run_folder(const char *path, unsigned depth)
{
    struct dirent **entries;
    int count = depth < DEPTH_MAX ? scandir(path, &entries, NULL, alphasort) : -1;
    bool good = count >= 0;

    for (int i = 0; i < count; i++) {
        char name[4096];

        if (entries[i]->d_name[0] != '.') {
            (void)snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
            good = run_path(name, depth + 1) && good;
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free((void *)entries);
    }
    return good;
}

int main(int argc, char **argv)
{
    bool good = argc > 1;

    for (int i = 1; i < argc; i++) {
        good = run_path(argv[i], 0) && good;
    }
    printf("%u inputs\n", inputs);
    return good && inputs > 0 ? 0 : 1;
}
