/* harness_process.h - what the harness itself needs: files, and programs that it starts. */
#ifndef MOONPORT_HARNESS_PROCESS_H
#define MOONPORT_HARNESS_PROCESS_H

#include "harness.h"

enum { WORDS_MAX = 300 };

/* All of it, to be freed; "" if there is no such file. */
char *file_read(const char *path);
void file_write(const char *directory, const char *name, const char *text);

/* A fresh directory, whose path goes there. What no test removes is removed after the last one. */
void directory_new(char *path, size_t size);
void tree_remove(const char *path);

/* program[0] is its path, NULL is at the end. input: a descriptor, or -1 for none. The program
 * dies with the test, however that ends, and the test is ended when it takes far too long. */
pid_t process_start(const char *const *program, int input, const char *out, const char *err);

/* The same of a program of this system's, which Wine is not to start: without input, and all it writes goes to one file. */
pid_t process_start_of_linux(const char *const *program, const char *out);

/* Programs that are started from now on may have so many files open; 0: as many as the test. */
void process_limit_files(unsigned count);

/* Those that are started from now on have this one blocked, as whatever starts them may have left it. */
void process_block_signal(int number);

/* Runs a line of the shell, whose output goes to this file; its exit status. */
int process_shell(const char *line, const char *out);

/* Can the shell find a program of that name? */
bool process_is_there(const char *name);

bool process_has_ended(pid_t process);

/* Waits; the exit status, 128 + n after signal n, or -1 if it does not end: then it was killed. */
int process_await(pid_t process);

/* Wine does not even load one program in some thousands, and says nothing. Ours never fail without a word: that one may
 * be started again, so often at most. It has ended with this status, and has written this. */
enum { LOADS_MAX = 3 };
bool process_was_not_loaded(int status, const char *out, const char *err);

/* What in this log shows that a sanitizer, or a check of our own, found a bug; NULL: nothing. */
const char *sanitizer_complaint(const char *log);

uint64_t now_ms(void);
void nap(void); /* between two looks at something that is to happen */

#endif
