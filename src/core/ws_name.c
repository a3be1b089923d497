/*
 * Names: words of ASCII letters and digits joined by single dashes.
 */


#include "ws_name.h"


static ngx_uint_t ws_name_word_char(u_char c);


ngx_int_t
ws_name_valid(ngx_str_t *name)
{
    size_t      i;
    ngx_uint_t  in_word;

    if (name->len > WS_NAME_MAX) {
        return NGX_DECLINED;
    }

    in_word = 0;

    for (i = 0; i < name->len; i++) {

        if (ws_name_word_char(name->data[i])) {
            in_word = 1;
            continue;
        }

        /* a dash must follow a word, which it ends */

        if (name->data[i] != '-' || !in_word) {
            return NGX_DECLINED;
        }

        in_word = 0;
    }

    return in_word ? NGX_OK : NGX_DECLINED;
}


static ngx_uint_t
ws_name_word_char(u_char c)
{
    return (c >= '0' && c <= '9')
           || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}
