/*
 * Tokens.  SECRET has 22 characters of 62, which is 131 bits of randomness:
 * a plain SHA-256 of it is as good as a slow password hash would be, and
 * costs a request next to nothing.
 */


#include "ws_token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define WS_TOKEN_HASH_SIZE  (WS_TOKEN_HASH_LEN / 2)


static const EVP_MD *ws_token_sha256(void);
static ngx_uint_t ws_token_alnum(u_char *p, size_t len);


#if (OPENSSL_VERSION_NUMBER >= 0x30000000L)
static EVP_MD  *ws_token_md;
#endif


static u_char  ws_token_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#define WS_TOKEN_ALPHABET_LEN  (sizeof(ws_token_alphabet) - 1)


ngx_int_t
ws_token_parse(ngx_str_t *text, ws_token_t *t)
{
    u_char  *id, *secret;

    if (text->len != WS_TOKEN_LEN) {
        return NGX_DECLINED;
    }

    id = text->data;
    secret = id + WS_TOKEN_ID_LEN + 1;

    if (id[WS_TOKEN_ID_LEN] != '-'
        || !ws_token_alnum(id, WS_TOKEN_ID_LEN)
        || !ws_token_alnum(secret, WS_TOKEN_SECRET_LEN))
    {
        return NGX_DECLINED;
    }

    t->id.data = id;
    t->id.len = WS_TOKEN_ID_LEN;

    t->secret.data = secret;
    t->secret.len = WS_TOKEN_SECRET_LEN;

    return NGX_OK;
}


static ngx_uint_t
ws_token_alnum(u_char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if ((p[i] < '0' || p[i] > '9')
            && (p[i] < 'A' || p[i] > 'Z')
            && (p[i] < 'a' || p[i] > 'z'))
        {
            return 0;
        }
    }

    return 1;
}


/* fetched once: looking the algorithm up costs more than the digest */

static const EVP_MD *
ws_token_sha256(void)
{
#if (OPENSSL_VERSION_NUMBER >= 0x30000000L)

    if (ws_token_md == NULL) {
        ws_token_md = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    }

    return ws_token_md ? ws_token_md : EVP_sha256();

#else

    return EVP_sha256();

#endif
}


ngx_int_t
ws_token_hash(ngx_str_t *secret, u_char hex[WS_TOKEN_HASH_LEN])
{
    u_char         digest[EVP_MAX_MD_SIZE];
    ngx_uint_t     i;
    unsigned int   len;

    static u_char  digits[] = "0123456789abcdef";

    if (EVP_Digest(secret->data, secret->len, digest, &len,
                   ws_token_sha256(), NULL)
        != 1
        || len != WS_TOKEN_HASH_SIZE)
    {
        ngx_memset(hex, '-', WS_TOKEN_HASH_LEN);
        return NGX_ERROR;
    }

    for (i = 0; i < WS_TOKEN_HASH_SIZE; i++) {
        *hex++ = digits[digest[i] >> 4];
        *hex++ = digits[digest[i] & 0xf];
    }

    return NGX_OK;
}


ngx_int_t
ws_token_verify(ngx_str_t *secret, ngx_str_t *stored_hex)
{
    u_char  hex[WS_TOKEN_HASH_LEN];

    if (stored_hex->len != WS_TOKEN_HASH_LEN) {
        return NGX_DECLINED;
    }

    if (ws_token_hash(secret, hex) != NGX_OK) {
        return NGX_ERROR;
    }

    if (CRYPTO_memcmp(hex, stored_hex->data, WS_TOKEN_HASH_LEN) != 0) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ws_token_generate(u_char text[WS_TOKEN_LEN])
{
    u_char      random[64];
    ngx_uint_t  i, n;

    n = 0;

    while (n < WS_TOKEN_LEN) {

        if (RAND_priv_bytes(random, sizeof(random)) != 1) {
            return NGX_ERROR;
        }

        for (i = 0; i < sizeof(random) && n < WS_TOKEN_LEN; i++) {

            if (n == WS_TOKEN_ID_LEN) {
                text[n++] = '-';
            }

            /*
             * the alphabet fits four times into a byte; what is left over
             * is thrown away, else its characters would come more often
             */

            if (random[i] < 4 * WS_TOKEN_ALPHABET_LEN) {
                text[n++] =
                          ws_token_alphabet[random[i] % WS_TOKEN_ALPHABET_LEN];
            }
        }
    }

    OPENSSL_cleanse(random, sizeof(random));

    return NGX_OK;
}


void
ws_token_exit(void)
{
#if (OPENSSL_VERSION_NUMBER >= 0x30000000L)
    EVP_MD_free(ws_token_md);
    ws_token_md = NULL;
#endif
}
