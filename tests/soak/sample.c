/* Figures: those that the server tells, those that the system has of its process, and the table
 * that they are written to. */
#include "soak.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 4096 };

void sample_figures(struct soak *soak, const char *text)
{
    char *end;
    for (int i = 0; i < FIGURE_COUNT; i++, text = end) {
        soak->figures[i] = strtod(text, &end);
        if (end == text) fail(3, "the server's figures lack the one numbered %d", i);
    }
    soak->figures_ns = soak->now_ns;
}

/* ---- the system's (proc(5)) ---- */

static FILE *open_of(const struct soak *soak, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/%s", soak->pid, name);
    return fopen(path, "re");
}

static void read_memory(const struct soak *soak, struct usage *usage)
{
    char line[LINE];
    FILE *file = open_of(soak, "smaps_rollup");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        uint64_t kib;
        if (sscanf(line, "Rss: %" SCNu64, &kib) == 1) usage->rss = kib << 10;
        if (sscanf(line, "Anonymous: %" SCNu64, &kib) == 1) usage->anonymous = kib << 10;
    }
    if (file != NULL) fclose(file);
}

/* What stands behind the name, whose ')' is the last. */
static void read_time(const struct soak *soak, struct usage *usage)
{
    char text[LINE];
    uint64_t user, system;
    FILE *file = open_of(soak, "stat");
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL) fclose(file);
    text[size] = '\0';
    const char *end = strrchr(text, ')');
    if (end != NULL &&
        sscanf(end, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
               &system) == 2)
        usage->cpu_ns = (user + system) * (SECOND_NS / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void count_descriptors(const struct soak *soak, struct usage *usage)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/fd", soak->pid);
    DIR *directory = opendir(path);
    const struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL)
        usage->descriptors += entry->d_name[0] != '.';
    if (directory != NULL) closedir(directory);
}

struct usage sample_usage(const struct soak *soak)
{
    struct usage usage = {0};
    read_memory(soak, &usage);
    read_time(soak, &usage);
    count_descriptors(soak, &usage);
    return usage;
}

/* ---- the table ---- */

/* `valley` is 1 in a quiet moment, and 2 when everything is home. */
static void write_head(FILE *file)
{
    fputs("seconds,valley,rss_mib,anonymous_mib,budget_mib,budget_max_mib,lua_mib", file);
    for (int i = 1; i <= WORKERS; i++) fprintf(file, ",lua_%d_mib", i);
    fputs(",blocks_used,blocks,connections,descriptors,accepted,refused,cpu_percent,"
          "packets_per_second,p50_us,p99_us,max_us,reloads,broken,starved\n",
          file);
}

static void write_row(const struct soak *soak, FILE *file, const struct usage *usage,
                      double cpu_percent, double rate)
{
    const double *figures = soak->figures;
    const struct histogram *latency = &soak->interval;
    fprintf(file, "%.2f,%d,%.2f,%.2f,%.3f,%.1f,%.3f", seconds_of(soak->now_ns - soak->begin_ns),
            !soak->noisy + soak->at_home, (double)usage->rss / 1048576,
            (double)usage->anonymous / 1048576, figures[MEMORY_USED] / 1048576,
            figures[MEMORY_MAX] / 1048576, figures[LUA] / 1024);
    for (int i = 1; i <= WORKERS; i++) fprintf(file, ",%.3f", figures[LUA + i] / 1024);
    fprintf(file, ",%.0f,%.0f,%.0f,%" PRIu64 ",%.0f,%.0f,%.1f,", figures[BLOCKS_USED],
            figures[BLOCKS], figures[CONNECTIONS], usage->descriptors, figures[ACCEPTED],
            figures[REFUSED], cpu_percent);
    if (rate >= 0) fprintf(file, "%.0f", rate);
    if (latency->count > 0)
        fprintf(file, ",%.1f,%.1f,%.1f", histogram_part_us(latency, 0.5),
                histogram_part_us(latency, 0.99), (double)latency->max / 1000);
    else
        fputs(",,,", file);
    fprintf(file, ",%.0f,%" PRIu64 ",%.0f\n", figures[GENERATION] - 1, soak->broken,
            figures[STARVED]);
}

void sample_turn(struct soak *soak)
{
    static FILE *file;
    static struct usage before;
    static double packets, uptime;
    if (soak->now_ns < soak->sample_due_ns || soak->figures_ns == 0) return;
    soak->sample_due_ns = soak->now_ns + soak->sample_every_ns;
    struct usage usage = sample_usage(soak);
    double seconds = seconds_of(soak->now_ns - soak->sampled_ns), rate = -1;
    if (file == NULL) {
        file = fopen(soak->table, "we");
        if (file == NULL) fail(3, "%s: %m", soak->table);
        write_head(file);
    } else {
        if (soak->figures[UPTIME] > uptime)
            rate = (soak->figures[PACKETS] - packets) / (soak->figures[UPTIME] - uptime);
        double cpu_percent = seconds_of(usage.cpu_ns - before.cpu_ns) / seconds * 100;
        write_row(soak, file, &usage, cpu_percent, rate);
        fflush(file);
        soak->samples++;
    }
    packets = soak->figures[PACKETS];
    uptime = soak->figures[UPTIME];
    before = usage;
    soak->sampled_ns = soak->now_ns;
    soak->interval = (struct histogram){0};
}
