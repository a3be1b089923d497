-- wrk: creates workspaces, each with a name of its own

local n = 0
local run = os.time() % 100000

request = function()
    n = n + 1
    return wrk.format("POST", nil, nil, string.format(
        '{"name":"b%d-%d","template_id":"%s"}', run, n, template))
end

init = function(args)
    template = args[1]
    wrk.headers["Content-Type"] = "application/json"
end
