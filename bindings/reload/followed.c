#include "reload/followed.h"

#include "base/check.h"
#include "frame/http_text.h"

#include <stdlib.h>
#include <string.h>

bool followed_add(struct followed *followed, const char *name)
{
    char **names = realloc(followed->names, (followed->count + 1) * sizeof *names);
    if (names == NULL) return false;
    followed->names = names;
    names[followed->count] = strdup(name);
    if (names[followed->count] == NULL) return false;
    followed->count++;
    return true;
}

static bool is_same(char one, char other)
{
    if (one == '/' || one == '\\') return other == '/' || other == '\\';
    return http_lower((uint8_t)one) == http_lower((uint8_t)other);
}

static bool is_or_below(const char *path, const char *name)
{
    while (*name != '\0' && is_same(*path, *name)) path++, name++;
    return *name == '\0' && (*path == '\0' || is_same(*path, '/'));
}

bool followed_has(const struct followed *followed, const char *path)
{
    for (uint32_t i = 0; i < followed->count; i++)
        if (is_or_below(path, followed->names[i])) return true;
    return false;
}

bool followed_note(struct followed *followed, int number)
{
    check(number >= 0);
    uint32_t place = (uint32_t)number / 8;
    if (place >= followed->number_bytes) {
        uint32_t bytes = 2 * place + 64;
        uint8_t *numbers = realloc(followed->numbers, bytes);
        if (numbers == NULL) return false;
        memset(numbers + followed->number_bytes, 0, bytes - followed->number_bytes);
        followed->numbers = numbers;
        followed->number_bytes = bytes;
    }
    followed->numbers[place] |= (uint8_t)(1u << number % 8);
    return true;
}

bool followed_knows(const struct followed *followed, int number)
{
    uint32_t place = (uint32_t)number / 8;
    return number >= 0 && place < followed->number_bytes &&
           (followed->numbers[place] & 1u << number % 8) != 0;
}

void followed_forget(struct followed *followed)
{
    if (followed->number_bytes != 0) memset(followed->numbers, 0, followed->number_bytes);
}

void followed_close(struct followed *followed)
{
    for (uint32_t i = 0; i < followed->count; i++) free(followed->names[i]);
    free(followed->names);
    free(followed->numbers);
    *followed = (struct followed){.names = NULL};
}
