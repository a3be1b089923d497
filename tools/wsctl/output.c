
/*
 * What people and scripts read: values on stdout, messages on stderr.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include "ws_time.h"
#include "wsctl.h"


int
ws_fail(int status, const char *fmt, ...)
{
    va_list  ap;

    (void) fflush(stdout);

    fputs("wsctl: ", stderr);

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);

    fputc('\n', stderr);

    return status;
}


int
ws_usage(ws_ctl_t *ctl, const char *fmt, ...)
{
    va_list              ap;
    const ws_command_t  *c;

    fputs("wsctl: ", stderr);

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);

    c = ctl->command;

    fprintf(stderr, "\nTry: wsctl %s%s%s%s--help\n",
            c ? c->noun : ctl->noun ? ctl->noun : "",
            c || ctl->noun ? " " : "", c && c->verb ? c->verb : "",
            c && c->verb ? " " : "");

    return WS_EXIT_USAGE;
}


int
ws_no_memory(void)
{
    return ws_fail(WS_EXIT_FAILED, "out of memory");
}


void
ws_out_text(ngx_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {

        if (s->data[i] < 0x20 || s->data[i] == 0x7f) {
            printf("\\x%02x", s->data[i]);

        } else {
            putchar(s->data[i]);
        }
    }
}


void
ws_out_line(ngx_str_t *s)
{
    ws_out_text(s);
    putchar('\n');
}


void
ws_out_json(ngx_str_t *s)
{
    fwrite(s->data, 1, s->len, stdout);
}


void
ws_out_id(ws_ctl_t *ctl, ngx_str_t *id, ngx_str_t *d)
{
    ws_out_json(ctl->json ? d : id);
    putchar('\n');
}


void
ws_out_time(int64_t ms)
{
    u_char  text[WS_TIME_LEN];

    (void) ws_time_format(text, ms);
    fwrite(text, 1, WS_TIME_LEN, stdout);
}


void
ws_out_list_item(ws_ctl_t *ctl, ngx_uint_t n)
{
    if (ctl->json) {
        fputs(n ? ",\n" : "[\n", stdout);
    }
}


void
ws_out_list_end(ws_ctl_t *ctl, ngx_uint_t n)
{
    if (ctl->json) {
        fputs(n ? "\n]\n" : "[]\n", stdout);
    }
}


int64_t
ws_now_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
