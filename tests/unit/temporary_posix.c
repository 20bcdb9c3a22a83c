#include "temporary.h"

FILE *temporary_file(void)
{
    return tmpfile();
}
