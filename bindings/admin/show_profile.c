#include "admin/control.h"
#include "admin/profile_view.h"
#include "admin/show.h"

#include <inttypes.h>
#include <stdio.h>

enum { SECONDS = 10 };
#define ALL UINT64_MAX /* workers; no number that is asked for is as large */

static const char compiled_note[] =
    "Code that LuaJIT has compiled counts for the place where it is left.";

static const char answer_svg[] = "image/svg+xml";

/* ---- starting one ---- */

static unsigned left_s(const struct profiler_state *state)
{
    return (unsigned)(state->left_ns / 1000000000) + 1;
}

static void refuse_running(const struct control *control, struct admin_answer *answer)
{
    struct profiler_state state = profiler_state(&control->profiler);
    char text[80];
    snprintf(text, sizeof text, "a profile runs already, for %u more second%s", left_s(&state),
             left_s(&state) == 1 ? "" : "s");
    answer_refusal(answer, 409, text);
}

void start_profile(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    struct control *control = context;
    uint64_t seconds = SECONDS, worker = ALL;
    char text[80];
    bool memory;
    if (!request_number(request, "seconds", &seconds) || seconds < 1 ||
        seconds > PROFILER_SECONDS_MAX) {
        answer_refusal(answer, 400, "seconds is a number from 1 to 300");
        return;
    }
    uint32_t workers = server_config(control->server)->workers;
    if (!request_number(request, "worker", &worker) ||
        (worker != ALL && (worker == 0 || worker > workers))) {
        answer_refusal(answer, 404, "there is no worker of that number");
        return;
    }
    if (!profiler_start(&control->profiler, control->server, (uint32_t)seconds,
                        worker == ALL ? 0 : (uint32_t)worker, &memory)) {
        if (memory)
            refuse_running(control, answer);
        else
            answer->failed = true;
        return;
    }
    snprintf(text, sizeof text, "a profile runs for %u second%s\n", (unsigned)seconds,
             seconds == 1 ? "" : "s");
    answer_result(answer, request, true, text);
}

/* ---- showing it ---- */

/* False: there is no memory. */
static bool gather(const struct control *control, struct profile_view *view)
{
    struct profiler_part part;
    struct profiler_state state = profiler_state(&control->profiler);
    if (!profile_view_open(view, state.seconds)) return false;
    if (!COMPAT_HOOK_PER_COROUTINE) view->note = compiled_note;
    for (uint32_t i = 0; i < server_config(control->server)->workers; i++) {
        if (!profiler_part(&control->profiler, i, &part)) continue;
        if (part.samples != NULL)
            profile_view_add(view, i, part.samples, part.lasted_ns);
        else
            view->missing[i] = true;
    }
    return profile_view_finish(view);
}

static const struct form {
    const char *name, *type, *file; /* file: what a browser is to save it as; NULL: it shows it */
    bool (*write)(const struct profile_view *view, struct buffer *out);
} forms[] = {
    {"text", answer_text, NULL, profile_text},
    {"svg", answer_svg, NULL, profile_svg},
    {"speedscope", answer_json, "profile.speedscope.json", profile_speedscope},
};
enum { FORMS = sizeof forms / sizeof *forms };

static const struct form *form_of(const struct admin_request *request)
{
    char name[16] = "text";
    if (!request_parameter(request, "format", name, sizeof name)) return NULL;
    for (int i = 0; i < FORMS; i++)
        if (strcmp(forms[i].name, name) == 0) return &forms[i];
    return NULL;
}

/* For the page: whether there is one, and how long it takes still. */
static void tell_state(const struct control *control, struct admin_answer *answer)
{
    static const char *const stages[] = {"none", "runs", "done"};
    struct profiler_state state = profiler_state(&control->profiler);
    struct json json = {.out = &answer->body};
    answer->type = answer_json;
    json_open(&json, NULL, '{');
    json_string(&json, "stage", stages[state.stage]);
    json_count(&json, "seconds", state.seconds);
    json_count(&json, "worker", state.worker);
    json_seconds(&json, "left", state.left_ns);
    json_close(&json, '}');
    answer->failed = json.failed;
}

static void write_form(const struct control *control, const struct form *form,
                       struct admin_answer *answer)
{
    struct profile_view view;
    answer->type = form->type;
    if (!gather(control, &view) || !form->write(&view, &answer->body)) answer->failed = true;
    profile_view_close(&view);
    if (form->type == answer_svg)
        snprintf(answer->fields, sizeof answer->fields,
                 "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n");
    if (form->file != NULL)
        snprintf(answer->fields, sizeof answer->fields,
                 "Content-Disposition: attachment; filename=\"%s\"\r\n", form->file);
}

void show_profile(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    const struct control *control = context;
    const struct form *form = form_of(request);
    if (form == NULL) {
        answer_refusal(answer, 400, "format is one of text, svg, speedscope");
    } else if (request->wants_json) {
        tell_state(control, answer);
    } else {
        switch (profiler_state(&control->profiler).stage) {
        case PROFILER_NONE:
            answer_refusal(answer, 404, "no profile was taken yet: POST /profile takes one");
            break;
        case PROFILER_RUNS: refuse_running(control, answer); break;
        case PROFILER_DONE: write_form(control, form, answer); break;
        }
    }
}
