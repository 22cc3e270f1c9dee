#include "datapath/xdp/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

int xdp_error_set(struct xdp_error *error, int errnum, const char *format, ...)
{
    va_list args;

    assert(errnum < 0);
    error->errnum = errnum;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return errnum;
}
