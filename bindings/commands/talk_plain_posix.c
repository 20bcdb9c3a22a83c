/* For a build without libedit. */
#include "commands/talk_edit.h"

#include "commands/talk_system.h"

const char *const talk_editing = "In a terminal, \"< \" marks what is received. This program was "
                                 "built without libedit, with which\n"
                                 "the line that you type can be edited.\n";

bool talk_edit_open(const struct talk_receiver *receiver)
{
    (void)receiver;
    return false;
}

void talk_edit_close(void)
{
}

void talk_edit_show(void)
{
}

void talk_edit_hide(void)
{
}

ptrdiff_t talk_edit_read(void *data, size_t size)
{
    (void)data;
    (void)size;
    return TALK_ENDED;
}

bool talk_edit_has_more(void)
{
    return false;
}

void talk_edit_interrupted(void)
{
}
