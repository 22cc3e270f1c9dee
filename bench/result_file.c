#include "bench/result_file.h"

#include <errno.h>
#include <string.h>

bool result_file_open(const char *program, const char *option, const char *path, FILE **file)
{
    *file = path ? fopen(path, "we") : NULL;
    if (!path || *file) {
        return true;
    }
    (void)fprintf(stderr, "%s: '%s' can't be written: %s", program, path, strerror(errno));
    if (option) {
        (void)fprintf(stderr, "; give %s a file in a directory where you may write", option);
    }
    (void)fprintf(stderr, ".\n");
    return false;
}

bool result_file_close(const char *program, const char *path, FILE *file)
{
    bool failed = file && ferror(file) != 0;

    if (file && (fclose(file) != 0 || failed)) {
        (void)fprintf(stderr, "%s: '%s' could not be written: %s.\n", program, path,
                      strerror(errno));
        return false;
    }
    return true;
}
