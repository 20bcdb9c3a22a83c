/* libedit returns after each key (EL_UNBUFFERED), so that the caller waits for keys and for the server at once.
 * To erase the line from the screen, libedit is given a key of ours that empties the line: only libedit knows how
 * many rows the line takes. */
#include "commands/talk_edit.h"

#include "commands/talk_system.h"
#include "system/buffer.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

const char *const talk_editing =
    "In a terminal, \"< \" marks what is received. The line that you type can be edited; up and\n"
    "down bring back earlier ones, ^R finds one (libedit).\n";

#define PROMPT "> "
#define HIDE_KEY "\x1f"
#define PASTE_KEY "\x1e"

enum { HISTORY_LINES = 1000, INPUT_SIZE = 4096, PASTE_MIN = 16 };

static struct {
    EditLine *el; /* NULL: not open */
    History *history;
    struct termios before; /* the terminal's mode */
    struct talk_receiver receiver;
    mbstate_t partial; /* a character with bytes still missing */
    bool shown;        /* the line is on the screen; otherwise libedit's line is empty, and */
    wchar_t *kept;     /* this is the line; NULL: "" */
    int cursor;        /* in characters */
    uint8_t input[INPUT_SIZE];
    struct span keys;      /* bytes of `input` not used yet */
    size_t pasted;         /* bytes of the keys that are pasted text, inserted at once */
    struct buffer entered; /* lines, each with its end */
    bool ended;
} editor;

static volatile sig_atomic_t resized, continued;

/* ---- signals ---- */

static void on_change(int signal)
{
    if (signal == SIGCONT) continued = 1;
    if (signal == SIGWINCH) resized = 1;
}

/* Restores the terminal, which must not be left without echo. */
static void on_end(int signal)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &editor.before);
    raise(signal); /* SA_RESETHAND: the default action is back */
}

static void handle_signals(void (*changed)(int), void (*ended)(int), int flags)
{
    static const int changes[] = {SIGWINCH, SIGCONT}, ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = changed};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        sigaction(changes[i], &action, NULL);
    action = (struct sigaction){.sa_handler = ended, .sa_flags = flags};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) sigaction(ends[i], &action, NULL);
}

void talk_edit_interrupted(void)
{
    if (editor.el == NULL) return;
    if (resized) {
        resized = 0;
        bool shown = editor.shown;
        talk_edit_hide();
        el_resize(editor.el);
        if (shown) talk_edit_show();
    }
    if (continued) { /* a shell has used the terminal, and left the cursor in the first column */
        continued = 0;
        el_set(editor.el, EL_PREP_TERM, 0);
        el_set(editor.el, EL_PREP_TERM, 1);
        el_set(editor.el, EL_REFRESH);
    }
}

/* ---- the line on the screen ---- */

static char *prompt(EditLine *el)
{
    static char shown[] = PROMPT, hidden[] = "";
    (void)el;
    return editor.shown ? shown : hidden;
}

static void empty(EditLine *el)
{
    const LineInfoW *line = el_wline(el);
    int size = (int)(line->lastchar - line->buffer);
    el_cursor(el, size);
    el_deletestr(el, size);
    editor.shown = false;
}

static unsigned char hide(EditLine *el, int key)
{
    (void)key;
    if (!editor.shown) return CC_NORM;
    const LineInfoW *line = el_wline(el);
    size_t size = (size_t)(line->lastchar - line->buffer);
    editor.kept = malloc((size + 1) * sizeof *editor.kept);
    if (editor.kept != NULL) {
        wmemcpy(editor.kept, line->buffer, size);
        editor.kept[size] = L'\0';
        editor.cursor = (int)(line->cursor - line->buffer);
    }
    empty(el);
    return CC_REFRESH;
}

void talk_edit_hide(void)
{
    int size;
    if (editor.el == NULL || !editor.shown) return;
    el_push(editor.el, HIDE_KEY);
    el_gets(editor.el, &size);
}

void talk_edit_show(void)
{
    if (editor.el == NULL || editor.shown) return;
    editor.shown = true;
    if (editor.kept != NULL) {
        el_winsertstr(editor.el, editor.kept);
        el_cursor(editor.el, editor.cursor - (int)wcslen(editor.kept));
        free(editor.kept);
        editor.kept = NULL;
    }
    el_set(editor.el, EL_REFRESH);
}

/* ---- keys ---- */

/* Prints below the text that libedit shows; then libedit shows it again below that, because it cannot erase it
 * while it waits within a key. */
static bool receive_within_key(void)
{
    fputs("\r\n\x1b[J", stdout);
    if (!editor.receiver.receive(editor.receiver.context)) return false;
    el_set(editor.el, EL_REFRESH);
    return true;
}

/* Waits for a key, or for the rest of one: after ESC, in a search, of a character. Meanwhile packets may arrive. */
static void await_key(void)
{
    struct pollfd waits[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = (int)editor.receiver.socket, .events = POLLIN}};
    while (!editor.ended) {
        int count = poll(waits, 2, -1);
        if (count > 0 && waits[0].revents == 0)
            editor.ended = !receive_within_key();
        else if (count < 0 && errno == EINTR)
            talk_edit_interrupted();
        else
            return;
    }
}

/* Reads keys if there are none; false at the end. */
static bool fill(void)
{
    while (editor.keys.size == 0 && !editor.ended) {
        await_key();
        if (editor.ended) break;
        ssize_t got = read(STDIN_FILENO, editor.input, sizeof editor.input);
        if (got > 0)
            editor.keys = span_of(editor.input, (size_t)got);
        else if (got < 0 && errno == EINTR)
            talk_edit_interrupted();
        else
            editor.ended = true;
    }
    return !editor.ended;
}

/* Takes a byte off the keys; true if it completes a character. Invalid bytes are dropped. */
static bool take_character(wchar_t *character)
{
    size_t size = mbrtowc(character, (const char *)editor.keys.data, 1, &editor.partial);
    editor.keys = span_skip(editor.keys, 1);
    if (size == (size_t)-1) editor.partial = (mbstate_t){0};
    return size <= 1;
}

static int read_key(EditLine *el, wchar_t *key)
{
    (void)el;
    while (fill())
        if (take_character(key)) return 1;
    return 0;
}

static bool is_control(uint8_t byte)
{
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/* Inserts pasted text at once: for each key libedit would lay out the whole line anew, which is slow for a long
 * text. */
static unsigned char paste(EditLine *el, int key)
{
    wchar_t text[INPUT_SIZE + 1];
    size_t size = 0;
    (void)key;
    for (; editor.pasted > 0; editor.pasted--)
        if (take_character(&text[size]) && text[size] != L'\0') size++;
    text[size] = L'\0';
    if (size > 0) el_winsertstr(el, text);
    return CC_REFRESH;
}

static void remember(const char *line)
{
    HistEvent event;
    if (*line != '\0') history(editor.history, &event, H_ENTER, line);
}

/* An entered line is printed once more, as text, so that it may scroll away. */
static unsigned char enter(EditLine *el, int key)
{
    const LineInfo *line = el_line(el);
    size_t size = (size_t)(line->lastchar - line->buffer);
    (void)key;
    if (!buffer_reserve(&editor.entered, size + 2)) return CC_ERROR;
    char *copy = (char *)editor.entered.data + editor.entered.end;
    memcpy(copy, line->buffer, size);
    copy[size] = '\0';
    remember(copy);
    copy[size] = '\n';
    editor.entered.end += size + 1;
    empty(el);
    return CC_REFRESH;
}

/* ^D: in an empty line the end of the input, otherwise deletes the character under the cursor. */
static unsigned char end_or_delete(EditLine *el, int key)
{
    const LineInfoW *line = el_wline(el);
    (void)key;
    if (line->lastchar == line->buffer) {
        editor.ended = true;
        return CC_NORM;
    }
    if (line->cursor == line->lastchar) return CC_ERROR;
    el_cursor(el, 1);
    el_deletestr(el, 1);
    return CC_REFRESH;
}

static void print_entered(struct span line)
{
    fputs(PROMPT, stdout);
    for (size_t i = 0; i + 1 < line.size; i++) {
        uint8_t byte = line.data[i];
        if (byte < 0x20 || byte == 0x7f) putchar('^');
        putchar(byte < 0x20 || byte == 0x7f ? byte ^ 0x40 : byte);
    }
    putchar('\n');
}

static bool key_waits(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
}

bool talk_edit_has_more(void)
{
    return buffer_size(&editor.entered) != 0 || editor.keys.size != 0;
}

static void use_keys(void)
{
    int length;
    size_t text = 0;
    while (text < editor.keys.size && !is_control(editor.keys.data[text])) text++;
    if (text >= PASTE_MIN) {
        editor.pasted = text;
        el_push(editor.el, PASTE_KEY);
    }
    el_gets(editor.el, &length);
    if (buffer_size(&editor.entered) != 0) print_entered(buffer_bytes(&editor.entered));
}

ptrdiff_t talk_edit_read(void *data, size_t size)
{
    while (buffer_size(&editor.entered) == 0 && !editor.ended &&
           (editor.keys.size != 0 || key_waits())) {
        talk_edit_show();
        if (fill()) use_keys();
    }
    struct span line = span_first(buffer_bytes(&editor.entered), size);
    if (line.size != 0) {
        memcpy(data, line.data, line.size);
        buffer_consume(&editor.entered, line.size);
        return (ptrdiff_t)line.size;
    }
    if (!editor.ended) return 0;
    talk_edit_close();
    return TALK_ENDED;
}

/* ---- opening and closing ---- */

/* Without a locale only ASCII could be typed, so this chooses one. */
static void choose_locale(void)
{
    const char *chosen = setlocale(LC_CTYPE, "");
    bool none = chosen == NULL || strcmp(chosen, "C") == 0 || strcmp(chosen, "POSIX") == 0;
    if (none) setlocale(LC_CTYPE, "C.UTF-8");
}

static bool is_capable(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && terminal != NULL &&
           *terminal != '\0' && strcmp(terminal, "dumb") != 0 &&
           tcgetattr(STDIN_FILENO, &editor.before) == 0;
}

static void bind_keys(EditLine *el)
{
    el_wset(el, EL_ADDFN, L"talk-hide", L"Take the line off the screen", hide);
    el_wset(el, EL_ADDFN, L"talk-paste", L"Insert a text", paste);
    el_wset(el, EL_ADDFN, L"talk-enter", L"Send the line", enter);
    el_wset(el, EL_ADDFN, L"talk-end", L"End, or delete a character", end_or_delete);
    el_set(el, EL_BIND, HIDE_KEY, "talk-hide", NULL);
    el_set(el, EL_BIND, PASTE_KEY, "talk-paste", NULL);
    el_set(el, EL_BIND, "^M", "talk-enter", NULL);
    el_set(el, EL_BIND, "^J", "talk-enter", NULL);
    el_set(el, EL_BIND, "^D", "talk-end", NULL);
    el_set(el, EL_BIND, "^I", "ed-insert", NULL);
    el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
}

bool talk_edit_open(const struct talk_receiver *receiver)
{
    HistEvent event;
    if (!is_capable()) return false;
    choose_locale();
    editor.receiver = *receiver;
    editor.history = history_init();
    editor.el = el_init("moonport", stdin, stdout, stderr);
    if (editor.history == NULL || editor.el == NULL) {
        talk_edit_close();
        return false;
    }
    history(editor.history, &event, H_SETSIZE, HISTORY_LINES);
    history(editor.history, &event, H_SETUNIQUE, 1);
    handle_signals(on_change, on_end, SA_RESETHAND);
    el_set(editor.el, EL_EDITOR, "emacs");
    el_set(editor.el, EL_HIST, history, editor.history);
    el_set(editor.el, EL_PROMPT, prompt);
    el_wset(editor.el, EL_GETCFN, read_key);
    bind_keys(editor.el);
    el_set(editor.el, EL_UNBUFFERED, 1);
    return true;
}

void talk_edit_close(void)
{
    if (editor.el != NULL) {
        talk_edit_hide();
        el_set(editor.el, EL_UNBUFFERED, 0);
        el_end(editor.el);
        handle_signals(SIG_DFL, SIG_DFL, 0);
    }
    if (editor.history != NULL) history_end(editor.history);
    free(editor.kept);
    free(editor.entered.data);
    editor.el = NULL;
    editor.history = NULL;
    editor.kept = NULL;
    editor.entered = (struct buffer){0};
}
