/* ./dev sim: runs seeds. */
#include "memory.h"

#include "oracle.h"
#include "scripts/source.h"
#include "world.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_PLACE UINT64_C(0x200000000000)
#define STACK_SIZE (UINT64_C(8) << 20)

enum { SEED_SECONDS_MAX = 60, JOBS_MAX = 64, USAGE = 2 };

struct options {
    uint64_t seed, count; /* the first one, how many */
    uint64_t jobs;
    bool prints;
    const char *scripts;
};

static const char usage[] = "sim: there are --seed N, --count N, --jobs N and --trace\n";

static void die(int signal_number)
{
    char text[256];
    int size = snprintf(text, sizeof text,
                        "seed %" PRIu64 " %s. See it again: ./dev sim --seed %" PRIu64
                        " --trace; in a debugger: ./dev sim --debug --seed %" PRIu64 "\n",
                        trace.seed, signal_number == SIGALRM ? "does not end" : "fails", trace.seed,
                        trace.seed);
    if (write(STDERR_FILENO, text, (size_t)size) < 0) _exit(1);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void catch_ends(void)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) signal(signals[i], die);
}

static bool read_number(const char *text, uint64_t *number)
{
    char *end;
    if (text == NULL || *text < '0' || *text > '9') return false;
    *number = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool read_options(char **words, struct options *options)
{
    bool counted = false;
    for (; *words != NULL; words++) {
        const char *value = words[1];
        bool fine = true;
        if (strcmp(*words, "--trace") == 0) {
            options->prints = true;
            continue;
        }
        if (strcmp(*words, "--seed") == 0)
            fine = read_number(value, &options->seed) && options->seed > 0;
        else if (strcmp(*words, "--count") == 0)
            fine = counted = read_number(value, &options->count) && options->count > 0;
        else if (strcmp(*words, "--jobs") == 0)
            fine = read_number(value, &options->jobs) && options->jobs > 0 &&
                   options->jobs <= JOBS_MAX;
        else if (strcmp(*words, "--scripts") == 0)
            fine = (options->scripts = value) != NULL;
        else
            fine = false;
        if (!fine) {
            fprintf(stderr, "sim: cannot make sense of %s\n%s", *words, usage);
            return false;
        }
        words++;
    }
    if (options->seed == 0) {
        options->seed = 1;
        if (!counted) options->count = 1000;
    }
    if (options->jobs == 0) options->jobs = options->prints ? 1 : (uint64_t)get_nprocs();
    if (options->jobs > options->count) options->jobs = options->count;
    return true;
}

/* Every `jobs`th of the seeds. The sum of their hashes, so that their order does not matter. */
static uint64_t run_seeds(const struct options *options, uint64_t job, const struct source *scripts)
{
    static struct world world;
    uint64_t sum = 0;
    for (uint64_t i = job; i < options->count; i += options->jobs) {
        if (options->count > 1) alarm(SEED_SECONDS_MAX); /* one may be looked at in a debugger */
        trace_begin(options->seed + i, options->prints);
        world_run(&world, options->seed + i, scripts);
        sum += trace.hash;
        if (options->count == 1)
            printf("seed %" PRIu64 ": %016" PRIx64 " (%" PRIu64
                   " events, %.3f s of virtual time)\n",
                   trace.seed, trace.hash, trace.events, (double)(world.now_ns) / 1e9);
    }
    alarm(0);
    return sum;
}

struct thread_job {
    const struct options *options;
    uint64_t job, sum;
    const struct source *scripts;
};

static void *run_thread(void *context)
{
    struct thread_job *job = context;
    job->sum = run_seeds(job->options, job->job, job->scripts);
    return NULL;
}

/* On a stack that is always at the same place: Lua's hashes hang on that. */
static uint64_t run_steadily(const struct options *options, uint64_t job,
                             const struct source *scripts)
{
    struct thread_job thread_job = {.options = options, .job = job, .scripts = scripts};
    pthread_attr_t attributes;
    pthread_t thread;
    void *stack = mmap((void *)STACK_PLACE, STACK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    promise(stack == (void *)STACK_PLACE, "there is no room for the stack at its place");
    pthread_attr_init(&attributes);
    promise(pthread_attr_setstack(&attributes, stack, STACK_SIZE) == 0 &&
                pthread_create(&thread, &attributes, run_thread, &thread_job) == 0,
            "there is no thread to be had");
    pthread_join(thread, NULL);
    return thread_job.sum;
}

static void run_job(const struct options *options, uint64_t job, const struct source *scripts,
                    int result)
{
    uint64_t sum = run_steadily(options, job, scripts);
    fflush(stdout);
    exit(write(result, &sum, sizeof sum) == sizeof sum ? 0 : 1);
}

/* False if one of them has failed; the others end, too. */
static bool run_jobs(const struct options *options, const struct source *scripts, uint64_t *sum)
{
    pid_t jobs[JOBS_MAX];
    int results[2];
    bool fine = pipe(results) == 0;
    for (uint64_t job = 0; job < options->jobs && fine; job++) {
        jobs[job] = fork();
        if (jobs[job] == 0) run_job(options, job, scripts, results[1]);
    }
    for (int status; wait(&status) > 0;) {
        for (uint64_t job = 0; job < options->jobs && fine && status != 0; job++)
            kill(jobs[job], SIGTERM);
        fine = fine && status == 0;
    }
    uint64_t one;
    for (uint64_t job = 0; job < options->jobs && fine; job++) {
        fine = read(results[0], &one, sizeof one) == sizeof one;
        *sum += one;
    }
    return fine;
}

int main(int count, char **words)
{
    struct options options = {.count = 1, .scripts = "tests/sim/server"};
    struct error error;
    (void)count;
    if (!read_options(words + 1, &options)) return USAGE;
    struct source *scripts = source_read(options.scripts, &error);
    if (scripts == NULL) {
        fprintf(stderr, "sim: %s\n", error.text);
        return 1;
    }
    catch_ends();
    bool has_tls = tls_run_prepare();
    bool fine = true;
    uint64_t sum = 0;
    if (options.jobs > 1)
        fine = run_jobs(&options, scripts, &sum);
    else
        sum = run_steadily(&options, 0, scripts);
    source_drop(scripts);
    if (fine && options.count > 1)
        printf("sim: seeds %" PRIu64 " to %" PRIu64 ": no violation, %016" PRIx64 "\n",
               options.seed, options.seed + options.count - 1, sum);
    if (!has_tls) printf("sim: NOT TESTED: TLS, which this program was built without (--tls=no)\n");
    return fine ? 0 : 1;
}
