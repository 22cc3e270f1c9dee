#include "bench/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool value_unsigned(const char *text, unsigned min, unsigned max, unsigned *value)
{
    unsigned long number;

    if (*text == '\0' || strspn(text, "0123456789") != strlen(text)) {
        return false;
    }
    errno = 0;
    number = strtoul(text, NULL, 10);
    if (errno != 0 || number < min || number > max) {
        return false;
    }
    *value = (unsigned)number;
    return true;
}

bool value_seconds(const char *text, double *seconds)
{
    double number;
    char *end;

    if (*text == '\0' || strspn(text, "0123456789.") != strlen(text)) {
        return false;
    }
    errno = 0;
    number = strtod(text, &end);
    if (errno != 0 || *end != '\0' || number > 1e6) {
        return false;
    }
    *seconds = number;
    return true;
}
