/* jobs.c - jobs on libuv's pool of four threads: jobs job|many COUNT
 *
 * job: a text is copied to a thread, which copies it into an answer, one job after the other; many:
 * all at once, and each thread rests for 5 ms. */
#include "measure.h"

#include <string.h>
#include <uv.h>

enum { TEXT_SIZE = 64, REST_NS = 5000000 };

struct job {
    uv_work_t work;
    char argument[TEXT_SIZE], *answer;
};

struct bench {
    uint64_t count, warm, done;
    uint64_t begin_ns, asked_ns, cpu_ns;
    uint64_t *took_ns;
    bool at_once;
};

static struct bench bench;
static char text[TEXT_SIZE];

static uint64_t cpu_now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return ns_of(time);
}

/* On a thread of the pool. */
static void work(uv_work_t *request)
{
    struct job *job = request->data;
    if (bench.at_once) rest(REST_NS);
    job->answer = malloc(TEXT_SIZE);
    if (job->answer != NULL) memcpy(job->answer, job->argument, TEXT_SIZE);
}

static void done(uv_work_t *request, int status);

static void ask(void)
{
    struct job *job = malloc(sizeof *job);
    if (job == NULL) fail(3, "no memory");
    job->work.data = job;
    memcpy(job->argument, text, TEXT_SIZE);
    bench.asked_ns = now_ns();
    if (uv_queue_work(uv_default_loop(), &job->work, work, done) != 0) fail(3, "no work");
}

static void done(uv_work_t *request, int status)
{
    struct job *job = request->data;
    if (status != 0 || job->answer == NULL || memcmp(job->answer, text, TEXT_SIZE) != 0)
        fail(1, "another text came back");
    free(job->answer);
    free(job);
    uint64_t number = bench.done++;
    if (bench.at_once) return;
    if (number >= bench.warm) bench.took_ns[number - bench.warm] = now_ns() - bench.asked_ns;
    if (bench.done == bench.warm) {
        bench.begin_ns = now_ns();
        bench.cpu_ns = cpu_now_ns();
    }
    if (bench.done < bench.warm + bench.count) ask();
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static double part_us(double part)
{
    return (double)bench.took_ns[(size_t)(part * (double)(bench.count - 1))] / 1e3;
}

static void measure(void)
{
    bench.warm = (bench.count + 9) / 10;
    bench.took_ns = calloc(bench.count, sizeof *bench.took_ns);
    if (bench.took_ns == NULL) fail(3, "no memory");
    ask();
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    double each_us = 1e-3 / (double)bench.count;
    double mean_us = (double)(now_ns() - bench.begin_ns) * each_us;
    double cpu_us = (double)(cpu_now_ns() - bench.cpu_ns) * each_us;
    qsort(bench.took_ns, bench.count, sizeof *bench.took_ns, compare);
    printf("mean_us=%.2f cpu_us=%.2f p50_us=%.2f p99_us=%.2f\n", mean_us, cpu_us, part_us(0.5),
           part_us(0.99));
    free(bench.took_ns);
}

static void many(void)
{
    uint64_t begin_ns = now_ns();
    bench.at_once = true;
    for (uint64_t i = 0; i < bench.count; i++) ask();
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    printf("seconds=%.4f\n", (double)(now_ns() - begin_ns) / (double)SECOND_NS);
}

int main(int count, char **words)
{
    bench.count = count == 3 ? strtoull(words[2], NULL, 10) : 0;
    if (bench.count == 0) fail(2, "jobs job|many COUNT");
    memset(text, 'x', TEXT_SIZE);
    if (strcmp(words[1], "many") == 0)
        many();
    else
        measure();
    return 0;
}
