/* For a build without ncurses. */
#include "commands/top_screen.h"

#include "commands/top_view.h"

bool top_screen_check(struct error *error)
{
    return error_set(
        error, ERROR_SYSTEM,
        "top: this program was built without ncurses (Debian's libncurses-dev), with "
        "which it draws. The same is on the server's page, in a "
        "browser: its log has the address in the line \"admin on\"; and moonport stats "
        "prints figures");
}

bool top_screen_open(struct error *error)
{
    return top_screen_check(error);
}

void top_screen_close(void)
{
}

struct top_canvas top_screen_begin(void)
{
    return (struct top_canvas){.rows = 1, .columns = 1};
}

void top_screen_show(bool anew)
{
    (void)anew;
}

int top_screen_key(int timeout_ms)
{
    (void)timeout_ms;
    return TOP_KEY_NONE;
}

void top_screen_wake(void)
{
}

int top_screen_signal(void)
{
    return 0;
}

void top_screen_die(int signal)
{
    (void)signal;
}
