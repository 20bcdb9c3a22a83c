#include "capture.h"

#include "temporary.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

enum { CAPTURE_MAX = 1 << 20 };

static char captured[CAPTURE_MAX];
static FILE *capture_file;
static int real_stderr;

void capture_begin(void)
{
    capture_file = temporary_file();
    cr_assert_not_null(capture_file);
    fflush(stderr);
    real_stderr = dup(2);
    dup2(fileno(capture_file), 2);
}

char *capture_end(void)
{
    fflush(stderr);
    dup2(real_stderr, 2);
    close(real_stderr);
    rewind(capture_file);
    captured[fread(captured, 1, sizeof captured - 1, capture_file)] = 0;
    fclose(capture_file);
    return captured;
}
