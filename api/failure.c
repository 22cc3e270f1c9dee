#include "api/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int failure_set(struct hr_failure *failure, int error, const char *format, ...)
{
    va_list arguments;

    failure->error = error;
    va_start(arguments, format);
    (void)vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    return error;
}

int failure_set_xdp(struct hr_failure *failure, const struct xdp_error *error)
{
    int number = error->errnum == -ENOMEM ? HR_ERR_NO_MEMORY : HR_ERR_INTERFACE;

    return failure_set(failure, number, "%s", error->text);
}
