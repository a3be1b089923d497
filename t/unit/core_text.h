/*
 * For the unit tests of src/core and ws_redis_url: texts that occupy
 * memory of exactly their length, so that AddressSanitizer sees a byte read
 * past their end, and random numbers that are the same in every run.
 */


#ifndef _CORE_TEXT_H_INCLUDED_
#define _CORE_TEXT_H_INCLUDED_


#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <ngx_config.h>
#include <ngx_core.h>


#define core_items(table)  (sizeof(table) / sizeof((table)[0]))

/* a literal that may hold zero bytes, and its length */
#define core_bytes(s)      s, sizeof(s) - 1


/* a copy of len bytes, to be released by core_text_free() */

static inline ngx_str_t
core_text_n(const void *data, size_t len)
{
    ngx_str_t  text;

    text.len = len;
    text.data = malloc(len);

    assert_true(text.data != NULL || len == 0);

    if (len) {
        memcpy(text.data, data, len);
    }

    return text;
}


static inline ngx_str_t
core_text(const char *s)
{
    return core_text_n(s, strlen(s));
}


static inline void
core_text_free(ngx_str_t *text)
{
    free(text->data);
}


static inline uint64_t
core_random(void)
{
    static uint64_t  state = 0x9e3779b97f4a7c15ULL;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;

    return state;
}


#endif /* _CORE_TEXT_H_INCLUDED_ */
