
/* Decimal digits, without the cost of printf(). */


#ifndef _WS_INT_H_INCLUDED_
#define _WS_INT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define WS_INT_LEN  20              /* of any int64_t or uint64_t */


/* Writes n so that it ends before "end", and returns where it begins. */

static ngx_inline u_char *
ws_int_digits(u_char *end, uint64_t n)
{
    do {
        *--end = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    return end;
}


static ngx_inline u_char *
ws_int_signed(u_char *end, int64_t n)
{
    if (n >= 0) {
        return ws_int_digits(end, (uint64_t) n);
    }

    end = ws_int_digits(end, - (uint64_t) n);
    *--end = '-';

    return end;
}


#endif /* _WS_INT_H_INCLUDED_ */
