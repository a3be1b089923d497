/*
 * API tokens (contract: Authentication): "ID-SECRET", where ID finds the
 * token and SECRET proves it.  Only the SHA-256 of SECRET is ever stored.
 */


#ifndef _WS_TOKEN_H_INCLUDED_
#define _WS_TOKEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define WS_TOKEN_ID_LEN      10
#define WS_TOKEN_SECRET_LEN  22
#define WS_TOKEN_LEN         (WS_TOKEN_ID_LEN + 1 + WS_TOKEN_SECRET_LEN)
#define WS_TOKEN_HASH_LEN    64     /* SHA-256 in hexadecimal */


typedef struct {
    ngx_str_t  id;                  /* WS_TOKEN_ID_LEN bytes of [A-Za-z0-9] */
    ngx_str_t  secret;              /* WS_TOKEN_SECRET_LEN bytes of the same */
} ws_token_t;


/*
 * Splits text, exactly WS_TOKEN_LEN bytes.  The parts point into text->data
 * and live as long as that does.  Returns NGX_OK, or NGX_DECLINED when text
 * is not a token; t is untouched then.
 */
ngx_int_t ws_token_parse(ngx_str_t *text, ws_token_t *t);

/*
 * Writes the SHA-256 of secret, any length, at hex as WS_TOKEN_HASH_LEN
 * lower-case hexadecimal digits without a terminating zero.  Returns NGX_OK,
 * or NGX_ERROR when libcrypto refuses; hex then holds no digits, so that
 * nothing can ever match it.
 */
ngx_int_t ws_token_hash(ngx_str_t *secret, u_char hex[WS_TOKEN_HASH_LEN]);

/*
 * Whether secret hashes to stored_hex, in a time that does not depend on
 * where the two differ.  Returns NGX_OK; NGX_DECLINED when not, or when
 * stored_hex is not WS_TOKEN_HASH_LEN bytes long; NGX_ERROR when libcrypto
 * refuses.
 */
ngx_int_t ws_token_verify(ngx_str_t *secret, ngx_str_t *stored_hex);

/*
 * Writes a new token at text, WS_TOKEN_LEN bytes without a terminating zero,
 * every character uniform over [A-Za-z0-9], from libcrypto's random source
 * for private values.  Returns NGX_OK, or NGX_ERROR when there is no
 * randomness to be had; text is undefined then and must not be used.
 */
ngx_int_t ws_token_generate(u_char text[WS_TOKEN_LEN]);

/* releases what was kept between calls; they may go on all the same */
void ws_token_exit(void);


#endif /* _WS_TOKEN_H_INCLUDED_ */
