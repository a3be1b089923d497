
/*
 * The build has the template version and the parameters of the build before;
 * should they not go together any more, nothing is built.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_build.h"
#include "ws_clock_build.h"
#include "ws_param.h"
#include "ws_schedule.h"


/* a stop that could not be done is tried again, ms */
#define WS_CLOCK_BUILD_RETRY_MS  60000


static ngx_int_t ws_clock_build_lookup(ws_store_t *store, ws_workspace_t *w,
    ws_clock_build_t *build);


ngx_int_t
ws_clock_build(ws_store_t *store, ws_workspace_t *w, ws_clock_build_t *build,
    ngx_uint_t kind, int64_t now_ms)
{
    json_t          *declared, *values;
    ngx_int_t        rc;
    ngx_str_t        name, detail;
    ws_user_t       *owner;
    ws_version_t    *version;
    ws_build_new_t   nb;

    rc = ws_clock_build_lookup(store, w, build);
    if (rc != NGX_OK) {
        return rc;
    }

    owner = &build->owner.entry->u.user;
    version = &build->version.entry->u.version;

    if (!owner->active && kind == WS_DUE_AUTOSTART) {
        return NGX_DECLINED;
    }

    declared = json_loadb((char *) version->parameters.data,
                          version->parameters.len, 0, NULL);
    if (declared == NULL) {
        return NGX_DECLINED;
    }

    rc = ws_param_resolve(w->pool, declared, NULL,
                          json_object_get(w->priv, "parameters"),
                          &values, &name, &detail);

    json_decref(declared);

    if (rc != NGX_OK) {
        return rc;
    }

    nb.transition = (kind == WS_DUE_AUTOSTART) ? "start" : "stop";
    nb.reason = (kind == WS_DUE_AUTOSTART) ? "autostart" : "autostop";
    nb.initiator = owner;
    nb.version = version;
    nb.parameters = values;
    nb.now_ms = now_ms;

    rc = ws_build_create(w, &nb);

    json_decref(values);

    return rc;
}


static ngx_int_t
ws_clock_build_lookup(ws_store_t *store, ws_workspace_t *w,
    ws_clock_build_t *build)
{
    ngx_int_t  rc;
    ngx_str_t  owner, version;

    owner = ws_uuid_str(w->pool, &w->meta.owner);
    version = ws_uuid_str(w->pool, &w->meta.template_version);

    if (owner.data == NULL || version.data == NULL) {
        return NGX_ERROR;
    }

    rc = ws_dir_get(store->dir, &build->owner, WS_DIR_USER, &owner);

    return rc == NGX_OK
           ? ws_dir_get(store->dir, &build->version, WS_DIR_VERSION, &version)
           : rc;
}


int64_t
ws_clock_build_next(ws_store_t *store, ws_workspace_t *w, ngx_uint_t kind,
    int64_t now_ms)
{
    ngx_str_t       text;
    const char     *detail;
    ws_schedule_t   schedule;

    text = ws_json_get_str(w->doc, "autostart_schedule");

    if (kind == WS_DUE_AUTOSTART && store->ks->tz
        && ws_schedule_parse(store->ks->tz, &text, &schedule, &detail)
           == NGX_OK)
    {
        return ngx_max(0, ws_schedule_next(&schedule, now_ms));
    }

    return now_ms + WS_CLOCK_BUILD_RETRY_MS;
}


void
ws_clock_build_release(ws_clock_build_t *build)
{
    ws_dir_unref(&build->owner);
    ws_dir_unref(&build->version);
}
