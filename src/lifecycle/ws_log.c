
/* Lines as they came from a provisioner, made into lines as they are kept. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"
#include "ws_log.h"


typedef struct {
    ngx_str_t    output;
    ngx_str_t    stage;
    ngx_str_t    level;
    int64_t      at_ms;
} ws_log_line_t;


static ngx_int_t ws_log_line(ws_log_t *log, json_t *given,
    ws_log_line_t *line, const char **detail);
static ngx_int_t ws_log_string(json_t *given, const char *key,
    const char *dflt, ngx_str_t *s);
static ngx_uint_t ws_log_level(ngx_str_t *level);
static ngx_int_t ws_log_push(ws_log_t *log, ws_txn_t *txn, ngx_str_t key,
    ws_log_line_t *line);
static void ws_log_cut(ngx_str_t *s, size_t max);


ngx_int_t
ws_log_append(ws_log_t *log, ws_txn_t *txn, json_t *lines,
    const char **detail)
{
    size_t          i, known;
    json_t         *given;
    ngx_int_t       rc;
    ngx_str_t       key, job, field, value;
    ws_log_line_t   line;

    if (json_array_size(lines) > WS_LOG_BATCH_MAX) {
        *detail = "at most 1000 lines at once";
        return NGX_DECLINED;
    }

    if (log->after > (int64_t) log->count) {
        *detail = "there is no such line to come after";
        return NGX_DECLINED;
    }

    known = log->after < 0 ? 0 : log->count - log->after;

    if (json_array_size(lines) <= known) {
        return NGX_OK;
    }

    key = ws_key(log->pool, log->ks, log->shard, "logs", &log->build, NULL);
    job = ws_key(log->pool, log->ks, log->shard, "job", &log->job, NULL);

    ngx_str_set(&field, "n");

    if (log->count == 0) {
        ws_txn_require_absent(txn, job, field);

    } else {
        ws_txn_require_field(txn, job, field, ws_int_str(log->pool,
                                                         log->count));
    }

    json_array_foreach(lines, i, given) {

        rc = ws_log_line(log, given, &line, detail);
        if (rc != NGX_OK) {
            return rc;
        }

        /* all are looked at, so that wrong ones are always refused */

        if (i < known || log->count >= WS_LOG_LINES_MAX) {
            continue;
        }

        if (log->count == WS_LOG_LINES_MAX - 1) {
            ngx_str_set(&line.output, "The log is too long: the rest is "
                        "left out.");
            ngx_str_set(&line.level, "warn");
        }

        if (ws_log_push(log, txn, key, &line) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    value = ws_int_str(log->pool, log->count);
    ws_txn_command(txn, "HSET", job, 2, &field, &value);
    ws_txn_publish(txn, log->ks, key, value);

    value = ws_int_str(log->pool, WS_LOG_KEPT_S);
    ws_txn_command(txn, "EXPIRE", key, 1, &value);

    return txn->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ws_log_line(ws_log_t *log, json_t *given, ws_log_line_t *line,
    const char **detail)
{
    json_t  *at;

    *detail = "a line is an object";

    if (!json_is_object(given)) {
        return NGX_DECLINED;
    }

    *detail = "a line has an \"output\", a string";

    if (ws_log_string(given, "output", NULL, &line->output) != NGX_OK) {
        return NGX_DECLINED;
    }

    *detail = "the \"stage\" of a line is a string";

    if (ws_log_string(given, "stage", "", &line->stage) != NGX_OK) {
        return NGX_DECLINED;
    }

    *detail = "the \"level\" of a line is one of trace, debug, info, warn, "
              "error";

    if (ws_log_string(given, "level", "info", &line->level) != NGX_OK
        || !ws_log_level(&line->level))
    {
        return NGX_DECLINED;
    }

    *detail = "the \"created_at\" of a line is an RFC 3339 time";

    line->at_ms = log->now_ms;
    at = json_object_get(given, "created_at");

    if (at && !json_is_null(at)
        && ws_json_get_time(given, "created_at", &line->at_ms) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ws_log_cut(&line->output, WS_LOG_OUTPUT_MAX);
    ws_log_cut(&line->stage, WS_LOG_STAGE_MAX);

    return NGX_OK;
}


static ngx_int_t
ws_log_string(json_t *given, const char *key, const char *dflt, ngx_str_t *s)
{
    json_t  *v;

    v = json_object_get(given, key);

    if (dflt && (v == NULL || json_is_null(v))) {
        s->data = (u_char *) dflt;
        s->len = ngx_strlen(dflt);
        return NGX_OK;
    }

    *s = ws_json_get_str(given, key);

    return json_is_string(v) ? NGX_OK : NGX_DECLINED;
}


static ngx_uint_t
ws_log_level(ngx_str_t *level)
{
    ngx_uint_t  i;

    static const ngx_str_t  levels[] = {
        ngx_string("trace"), ngx_string("debug"), ngx_string("info"),
        ngx_string("warn"), ngx_string("error")
    };

    for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (level->len == levels[i].len
            && ngx_memcmp(level->data, levels[i].data, level->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ws_log_push(ws_log_t *log, ws_txn_t *txn, ngx_str_t key, ws_log_line_t *line)
{
    ws_json_t  w;
    ngx_str_t  text;

    ws_json_init(&w, log->pool, 192 + line->output.len);

    ws_json_lit(&w, "{\"id\":");
    ws_json_int(&w, ++log->count);
    ws_json_lit(&w, ",\"created_at\":");
    ws_json_time(&w, line->at_ms);
    ws_json_lit(&w, ",\"log_source\":\"provisioner\",\"log_level\":");
    ws_json_string(&w, &line->level);
    ws_json_lit(&w, ",\"stage\":");
    ws_json_string(&w, &line->stage);
    ws_json_lit(&w, ",\"output\":");
    ws_json_string(&w, &line->output);
    ws_json_lit(&w, "}");

    if (ws_json_str(&w, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    ws_txn_command(txn, "RPUSH", key, 1, &text);

    return NGX_OK;
}


/* not in the middle of a character */

static void
ws_log_cut(ngx_str_t *s, size_t max)
{
    if (s->len <= max) {
        return;
    }

    s->len = max;

    while (s->len && (s->data[s->len] & 0xc0) == 0x80) {
        s->len--;
    }
}
