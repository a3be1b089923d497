/*
 * The few functions of nginx's core that the pure parts of the module use,
 * for programs that are not nginx: wsctl, unit tests, fuzzers.  The types,
 * macros and prototypes are nginx's own headers'; ws_ngx.c supplies the
 * bodies, behaving the same as nginx's towards a caller:
 *
 *     ngx_create_pool ngx_destroy_pool ngx_reset_pool ngx_palloc ngx_pnalloc
 *     ngx_pcalloc ngx_pfree ngx_pool_cleanup_add ngx_alloc ngx_calloc
 *     ngx_array_create ngx_array_destroy ngx_array_push ngx_array_push_n
 *     ngx_pstrdup ngx_strlow ngx_cpystrn ngx_strcasecmp ngx_strncasecmp
 *     ngx_memn2cmp ngx_atoi ngx_hextoi ngx_sort
 *     ngx_log_error_core (does nothing)
 *
 * The log arguments may be NULL and are not used.  Every allocation from a
 * pool is a malloc() of its own, so that sanitizers and valgrind see a byte
 * too much.  Not for threads.
 */


#ifndef _WS_NGX_H_INCLUDED_
#define _WS_NGX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * For tests of how code takes a lack of memory: the next n allocations by
 * these functions succeed, all later ones return NULL.  -1 ends this.
 */
void ws_ngx_fail_after(ngx_int_t n);


#endif /* _WS_NGX_H_INCLUDED_ */
