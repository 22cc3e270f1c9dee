#include "bench/values.h"

#include <errno.h>
#include <stdint.h>
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

bool value_power_of_two(const char *text, unsigned min, unsigned max, unsigned *value)
{
    unsigned number;

    if (!value_unsigned(text, min, max, &number) || (number & (number - 1)) != 0) {
        return false;
    }
    *value = number;
    return true;
}

bool value_list(const char *text, unsigned *list, unsigned max, unsigned *count)
{
    unsigned found = 0;

    for (;;) {
        size_t length = strcspn(text, ",");
        char item[16];

        if (length >= sizeof item || found == max) {
            return false;
        }
        memcpy(item, text, length);
        item[length] = '\0';
        if (!value_unsigned(item, 0, UINT16_MAX, &list[found++])) {
            return false;
        }
        if (text[length] == '\0') {
            *count = found;
            return true;
        }
        text += length + 1;
    }
}

int value_name(const char *text, const char *const *names)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(text, names[i]) == 0) {
            return i;
        }
    }
    return -1;
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
