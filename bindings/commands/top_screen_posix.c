/* Drawing by ncurses, with wide characters. Signals and answers wake whoever waits for a key through a pipe, so no
 * thread but the main one ever calls ncurses. */
#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1 /* functions, whose types are checked */

#include "commands/top_screen.h"

#include "commands/top_view.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

enum { ESCAPE_MS = 50 }; /* a terminal's own keys begin with Esc, too: so soon the rest is there */

static struct {
    SCREEN *screen;
    int wake[2]; /* a pipe */
    atomic_bool is_open;
    attr_t styles[TOP_STYLES];
    short colors[TOP_STYLES];
} at = {.wake = {-1, -1}};

static volatile sig_atomic_t resized, asked_to_end;

/* ---- signals ---- */

void top_screen_wake(void)
{
    int kept = errno;
    if (atomic_load(&at.is_open) && write(at.wake[1], "", 1) < 0) errno = EAGAIN; /* it is full */
    errno = kept;
}

static void on_signal(int number)
{
    if (number == SIGWINCH)
        resized = 1;
    else
        asked_to_end = number;
    top_screen_wake();
}

static void catch_signals(void)
{
    static const int caught[] = {SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) sigaction(caught[i], &action, NULL);
}

int top_screen_signal(void)
{
    return asked_to_end;
}

void top_screen_die(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

/* ---- opening ---- */

static void prepare_styles(void)
{
    static const struct {
        attr_t attributes;
        short color; /* 0: the terminal's own */
    } styles[TOP_STYLES] = {
        [TOP_PLAIN] = {A_NORMAL, 0},
        [TOP_BOLD] = {A_BOLD, 0},
        [TOP_DIM] = {A_NORMAL, COLOR_CYAN},
        [TOP_HEAD] = {A_REVERSE | A_BOLD, 0},
        [TOP_TITLE] = {A_BOLD | A_UNDERLINE, 0},
        [TOP_SORTED] = {A_BOLD | A_REVERSE, 0},
        [TOP_SELECTED] = {A_REVERSE, 0},
        [TOP_GOOD] = {A_NORMAL, COLOR_GREEN},
        [TOP_WARN] = {A_BOLD, COLOR_YELLOW},
        [TOP_BAD] = {A_BOLD, COLOR_RED},
    };
    const char *without = getenv("NO_COLOR");
    bool colors = has_colors() && (without == NULL || without[0] == '\0') && start_color() == OK &&
                  use_default_colors() == OK;
    for (int i = 0; i < TOP_STYLES; i++) {
        at.styles[i] = styles[i].attributes;
        if (colors) at.colors[i] = styles[i].color;
    }
    for (short color = COLOR_RED; colors && color <= COLOR_WHITE; color++)
        init_pair(color, color, -1);
}

/* A terminal of that type, if it can move its cursor. */
static bool open_screen(struct error *error)
{
    const char *type = getenv("TERM"), *moves;
    at.screen = newterm(NULL, stdout, stdin);
    moves = at.screen != NULL ? tigetstr("cup") : NULL;
    if (moves != NULL && moves != (const char *)-1) return true;
    if (at.screen != NULL) endwin();
    return error_set(
        error, ERROR_SYSTEM,
        "top cannot draw on a terminal of the type \"%s\", which is in the environment "
        "variable TERM",
        type == NULL ? "" : type);
}

bool top_screen_check(struct error *error)
{
    if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) return true;
    return error_set(error, ERROR_USAGE,
                     "top draws on a terminal, and this is none; for pipes and programs there is "
                     "moonport stats [--json]");
}

bool top_screen_open(struct error *error)
{
    if (pipe2(at.wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_set(error, ERROR_SYSTEM, "top: %s", strerror(errno));
    setlocale(LC_CTYPE, "");
    if (!open_screen(error)) return false;
    catch_signals();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(ESCAPE_MS);
    curs_set(0);
    prepare_styles();
    atomic_store(&at.is_open, true);
    return true;
}

void top_screen_close(void)
{
    if (!atomic_exchange(&at.is_open, false)) return;
    endwin();
    delscreen(at.screen);
    at.screen = NULL;
}

/* ---- drawing ---- */

/* Takes a character off the text. What cannot be shown, or would be obeyed, is a question mark. Returns its columns. */
static int take_character(const char **text, wchar_t *character)
{
    mbstate_t state = {0};
    size_t size = mbrtowc(character, *text, strlen(*text), &state);
    bool valid = size != 0 && size <= MB_LEN_MAX;
    int width = valid && iswprint((wint_t)*character) ? wcwidth(*character) : -1;
    *text += valid ? size : 1;
    if (width >= 0) return width;
    *character = L'?';
    return 1;
}

static size_t fit(void *context, int columns, const char *text)
{
    const char *end = text;
    wchar_t character;
    (void)context;
    for (int used = 0; *end != '\0';) {
        const char *next = end;
        used += take_character(&next, &character);
        if (used > columns && end != text) break;
        end = next;
    }
    return (size_t)(end - text);
}

static void put(void *context, int row, int column, int columns, enum top_style style,
                const char *text)
{
    wchar_t character[2] = {0};
    int used = 0;
    (void)context;
    attr_set(at.styles[style], at.colors[style], NULL);
    move(row, column);
    while (*text != '\0') {
        int width = take_character(&text, character);
        if (used + width > columns) break;
        addnwstr(character, 1);
        used += width;
    }
    while (used++ < columns) addnwstr(L" ", 1);
}

static void follow_size(void)
{
    struct winsize size;
    if (!resized) return;
    resized = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
}

struct top_canvas top_screen_begin(void)
{
    follow_size();
    erase();
    return (struct top_canvas){
        .rows = getmaxy(stdscr), .columns = getmaxx(stdscr), .fit = fit, .put = put};
}

void top_screen_show(bool anew)
{
    if (anew) clearok(curscr, TRUE);
    refresh();
}

/* ---- keys ---- */

static int key_of(int code)
{
    switch (code) {
    case ERR: return TOP_KEY_NONE;
    case '\r':
    case KEY_ENTER: return TOP_KEY_ENTER;
    case '\b':
    case KEY_DC:
    case KEY_BACKSPACE: return TOP_KEY_DELETE;
    case KEY_UP: return TOP_KEY_UP;
    case KEY_DOWN: return TOP_KEY_DOWN;
    case KEY_PPAGE: return TOP_KEY_PAGE_UP;
    case KEY_NPAGE: return TOP_KEY_PAGE_DOWN;
    case KEY_HOME: return TOP_KEY_HOME;
    case KEY_END: return TOP_KEY_END;
    case KEY_LEFT: return '<';
    case KEY_RIGHT: return '>';
    default: return code < 256 ? code : TOP_KEY_NONE;
    }
}

int top_screen_key(int timeout_ms)
{
    struct pollfd waits[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = at.wake[0], .events = POLLIN}};
    char woken[64];
    int code = getch();
    if (code != ERR) return key_of(code);
    if (poll(waits, 2, timeout_ms) <= 0) return TOP_KEY_NONE;
    if (waits[1].revents != 0 && read(at.wake[0], woken, sizeof woken) < 0) return TOP_KEY_NONE;
    if (waits[0].revents == 0) return TOP_KEY_NONE;
    code = getch();
    if (code == ERR && (waits[0].revents & ~POLLIN) != 0) asked_to_end = SIGHUP; /* it has gone */
    return key_of(code);
}
