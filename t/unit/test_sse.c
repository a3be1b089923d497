/* links: src/watch/ws_sse.c src/core/ws_json.c src/core/ws_uuid.c
   src/core/ws_time.c tools/ngx/ws_ngx.c; -lcmocka -ljansson -luuid */

/*
 * Frames of server-sent events, byte for byte, and what is read of clients.
 */


#include "core_text.h"
#include "ws_sse.h"


typedef struct {
    ngx_pool_t  *pool;
    ws_json_t    w;
} frame_t;


static void
begin(frame_t *f)
{
    f->pool = ngx_create_pool(1024, NULL);
    assert_non_null(f->pool);

    ws_json_init(&f->w, f->pool, 0);
}


static void
is(frame_t *f, const char *text)
{
    ngx_str_t  out;

    assert_int_equal(ws_json_str(&f->w, &out), NGX_OK);
    assert_int_equal(out.len, strlen(text));
    assert_memory_equal(out.data, text, out.len);

    ngx_destroy_pool(f->pool);
}


static void
test_event(void **state)
{
    frame_t  f;

    begin(&f);
    ws_sse_id(&f.w, 17);
    ws_sse_begin(&f.w, "data");
    ws_json_lit(&f.w, "{\"a\":1}");
    ws_sse_end(&f.w);
    is(&f, "id: 17\nevent: data\ndata: {\"a\":1}\n\n");

    begin(&f);
    ws_sse_begin(&f.w, "error");
    ws_json_lit(&f.w, "{}");
    ws_sse_end(&f.w);
    is(&f, "event: error\ndata: {}\n\n");
}


/* the official Go client expects "event: " right after the line of a ping */

static void
test_ping(void **state)
{
    assert_string_equal(WS_SSE_PING, "event: ping\n\n");
}


static void
test_retry(void **state)
{
    frame_t  f;

    begin(&f);
    ws_sse_retry(&f.w, 1500);
    is(&f, "retry: 1500\n\n");
}


/* the longest id and the rest of a frame fit into the room set aside */

static void
test_room(void **state)
{
    frame_t  f;

    begin(&f);
    ws_sse_id(&f.w, INT64_MAX);
    ws_sse_begin(&f.w, "error");
    ws_sse_end(&f.w);

    assert_true(f.w.last - f.w.start <= WS_SSE_ROOM);

    is(&f, "id: 9223372036854775807\nevent: error\ndata: \n\n");
}


static void
test_one_line(void **state)
{
    size_t     i;
    ngx_str_t  text;

    static const struct {
        const char  *in;
        const char  *out;
        ngx_uint_t   n;
    } table[] = {
        { "", "", 0 },
        { "{\"a\":\"b\"}", "{\"a\":\"b\"}", 0 },
        { "{\n\"a\":1}", "{ \"a\":1}", 1 },
        { "\r\n{}\r", "  {} ", 3 },
        { "\n\nevent: data\n", "  event: data ", 3 },

        /* what is escaped, and line ends of others, are left alone */
        { "\"\\n\\r\"", "\"\\n\\r\"", 0 },
        { "\"\xe2\x80\xa8\xc2\x85\v\f\"", "\"\xe2\x80\xa8\xc2\x85\v\f\"", 0 }
    };

    for (i = 0; i < core_items(table); i++) {
        text = core_text(table[i].in);

        assert_int_equal(ws_sse_one_line(text.data, text.data + text.len),
                         table[i].n);
        assert_int_equal(strlen(table[i].out), text.len);
        assert_memory_equal(text.data, table[i].out, text.len);

        core_text_free(&text);
    }
}


static void
test_parse_id(void **state)
{
    size_t     i;
    int64_t    id;
    ngx_int_t  rc;
    ngx_str_t  text;

    static const struct {
        const char  *text;
        int64_t      id;            /* 0: not valid */
    } table[] = {
        { "1", 1 },
        { "17", 17 },
        { "9007199254740993", 9007199254740993 },
        { "999999999999999999", 999999999999999999 },
        { "1000000000000000000", 0 },
        { "", 0 },
        { "0", 0 },
        { "017", 0 },
        { "+1", 0 },
        { "-1", 0 },
        { " 1", 0 },
        { "1 ", 0 },
        { "1.0", 0 },
        { "0x1", 0 },
        { "1e3", 0 },
        { "one", 0 },
        { "99999999999999999999999999", 0 }
    };

    for (i = 0; i < core_items(table); i++) {
        text = core_text(table[i].text);
        id = -1;

        rc = ws_sse_parse_id(&text, &id);

        assert_int_equal(rc, table[i].id ? NGX_OK : NGX_DECLINED);
        assert_true(id == table[i].id);

        core_text_free(&text);
    }
}


/* what is written is read */

static void
test_id_again(void **state)
{
    int        i;
    int64_t    id, again;
    frame_t    f;
    ngx_str_t  out, text;

    for (i = 0; i < 1000; i++) {
        id = 1 + core_random() % 999999999999999999ULL;

        begin(&f);
        ws_sse_id(&f.w, id);
        assert_int_equal(ws_json_str(&f.w, &out), NGX_OK);

        text = core_text_n(out.data + 4, out.len - 5);

        assert_int_equal(ws_sse_parse_id(&text, &again), NGX_OK);
        assert_true(again == id);

        core_text_free(&text);
        ngx_destroy_pool(f.pool);
    }
}


static void
test_accepted(void **state)
{
    size_t     i;
    ngx_str_t  text;

    static const struct {
        const char  *accept;
        ngx_uint_t   yes;
    } table[] = {
        { "text/event-stream", 1 },
        { "Text/Event-Stream", 1 },
        { "text/event-stream;q=0.9", 1 },
        { "text/event-stream ; charset=utf-8", 1 },
        { "application/json, text/event-stream", 1 },
        { "application/json,\ttext/event-stream , */*", 1 },
        { "", 0 },
        { "*/*", 0 },
        { "text/*", 0 },
        { "text/event-stream2", 0 },
        { "text/event-strea", 0 },
        { "xtext/event-stream", 0 },
        { "text/html;x=text/event-stream", 0 },
        { ",", 0 },
        { ",,text/event-stream", 1 }
    };

    for (i = 0; i < core_items(table); i++) {
        text = core_text(table[i].accept);

        assert_int_equal(ws_sse_accepted(&text), table[i].yes);

        core_text_free(&text);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_parse_id),
        cmocka_unit_test(test_id_again),
        cmocka_unit_test(test_accepted)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
