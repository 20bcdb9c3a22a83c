#include "output_system.h"

/* An anonymous pipe does not say what room it has. */
bool output_has_room(int file, int milliseconds)
{
    (void)file, (void)milliseconds;
    return true;
}
