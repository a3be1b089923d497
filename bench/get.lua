-- The peer in Lua: GET a workspace by its id, as a competent user of
-- lua-nginx-module would write it: a module, loaded once. The same token check, role check and
-- splicing as the module, from the same Redis; tokens, users and templates
-- are kept in the worker for 5 seconds, as the module keeps them.

local ffi = require "ffi"
local cjson = require "cjson.safe"
local lrucache = require "resty.lrucache"
local redis = require "nginx.redis"

local crypto = ffi.load("crypto.so.3")

ffi.cdef [[
unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);
]]

local cache = lrucache.new(8192)
local digest = ffi.new("unsigned char[32]")
local hex = {}

for i = 0, 255 do
    hex[i] = string.format("%02x", i)
end


local function sha256(s)
    crypto.SHA256(s, #s, digest)

    local out = {}

    for i = 0, 31 do
        out[i + 1] = hex[digest[i]]
    end

    return table.concat(out)
end


local function fail(status, message)
    ngx.status = status
    ngx.header["Content-Type"] = "application/json; charset=utf-8"
    ngx.print('{"message":"', message, '"}')
    return ngx.exit(status)
end


local function connect(path)
    local red = redis:new()

    red:set_timeout(2000)

    if not red:connect("unix:" .. path) then
        return nil
    end

    return red
end


local function directory(red, kind, id)
    local key = kind .. id
    local found = cache:get(key)

    if found then
        return found
    end

    local d = red:hget("ws:{dir}:" .. kind .. ":" .. id, "d")

    if not d or d == ngx.null then
        return nil
    end

    found = cjson.decode(d)

    if kind == "template" then
        local fragment = '{"template_name":' .. cjson.encode(found.name)
            .. ',"template_display_name":' .. cjson.encode(found.display_name)
            .. ',"template_icon":' .. cjson.encode(found.icon)
            .. ',"template_allow_user_cancel_workspace_jobs":'
            .. tostring(found.allow_user_cancel_workspace_jobs)

        found.fragment = fragment:gsub("\\/", "/")
    end

    cache:set(key, found, 5)

    return found
end


local function may_read(user, owner)
    if user.id == owner then
        return true
    end

    for _, role in ipairs(user.roles) do
        if role == "owner" or role == "template-admin" then
            return true
        end
    end

    return false
end


return function()
    local token = ngx.var.cookie_coder_session_token
                  or ngx.var.arg_coder_session_token
                  or ngx.var.http_coder_session_token

    if not token or #token ~= 33 or token:byte(11) ~= 45 then
        return fail(401, "You are not signed in.")
    end

    local red = connect(ngx.var.redis_socket)

    if not red then
        return fail(503, "The service is temporarily unavailable.")
    end

    local record = directory(red, "token", token:sub(1, 10))

    if not record or record.hash ~= sha256(token:sub(12)) then
        return fail(401, "You are not signed in.")
    end

    local user = directory(red, "user", record.user_id)

    if not user or user.status ~= "active" then
        return fail(401, "You are not signed in.")
    end

    local id = ngx.var.uri:sub(-36):lower()
    local reply = red:hmget("ws:{0}:w:" .. id, "v", "m", "d")

    if not reply then
        return fail(503, "The service is temporarily unavailable.")
    end

    if reply[1] == ngx.null or not may_read(user, reply[2]:sub(1, 36)) then
        return fail(404, "There is no such resource, or you may not see it.")
    end

    local m, d = reply[2], reply[3]
    local template = directory(red, "template", m:sub(75, 110))

    red:set_keepalive(60000, 64)

    local outdated = m:sub(112, 147) ~= template.active_version_id

    ngx.header["Content-Type"] = "application/json; charset=utf-8"
    ngx.header["Content-Length"] = #template.fragment + #d + 14
                                   + (outdated and 4 or 5)
    ngx.print(template.fragment, ',"outdated":', tostring(outdated), ',', d, '}')
end
