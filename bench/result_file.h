/*
 * The files that programs write their results into: opened before the run, which is in
 * vain when its results can't be kept. What is wrong is said on standard error, after
 * the name of the program.
 */
#ifndef HEADRACE_BENCH_RESULT_FILE_H
#define HEADRACE_BENCH_RESULT_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* *file is NULL without a path. `option` is what asks for the file, for the sentence
 * that says what to do; NULL: none. False when it can't be written. */
bool result_file_open(const char *program, const char *option, const char *path, FILE **file);

/* True when there is nothing to write, or all of it was written. */
bool result_file_close(const char *program, const char *path, FILE *file);

#endif
