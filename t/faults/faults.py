#!/usr/bin/env python3

"""What breaks, broken on purpose, with clients that notice.

    t/faults/faults.py [SCENARIO ..]

Real servers on loopback, files under build/faults only. Each scenario ends
with a line of figures and "ok" or what was wrong; the exit status is that of
all of them. FAULTS_SCALE=0.1 does a tenth of the work. docs/operations.md says
what is promised; times here are those of servers that are being killed. With
sanitizers ("make asan-faults") and in valgrind ("make valgrind-faults") a
report is wrong, and neither memory nor time is judged.
"""

import asyncio
import datetime
import email.utils
import json
import os
import random
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

from load import Broken, Client, Connection, Tally, Watcher
from servers import (BUILD, ESTABLISHED, VALGRIND, WORK, Cluster, Deployment,
                     Nginx, Redis, Sentinel, Stuck, alive, rss, stop_all, tcp,
                     wait_for)

SCALE = float(os.environ.get("FAULTS_SCALE", "1"))
CLIENTS = 32
WATCHERS = 1000
SOAKING = 64
REPORTS = os.environ.get("WORKSPACE_SANITIZED")
FAKETIME = "/usr/$LIB/faketime/libfaketime.so.1"
scenarios = {}


def scenario(function):
    scenarios[function.__name__.replace("_", "-")] = function
    return function


def scaled(n):
    return max(int(n * SCALE), 1)


async def until(what, condition, seconds=30):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            raise Stuck(f"gave up waiting: {what}")
        await asyncio.sleep(0.05)


def clients_of(deployment, nodes, tally, keepalive=True):
    ports = [n.port for n in nodes]
    return [Client(deployment, i, ports, tally, keepalive)
            for i in range(len(deployment.tokens))]


async def do(client, method, path, body, tally):
    """it must succeed"""
    status, answer = await client.ask(method, path, body)
    if status not in (200, 201, 204):
        tally.bad(f"{method} {path} {body}: {status} {answer}")


async def start_watchers(clients, nodes, tally, total):
    watched = [(c, wid) for c in clients for wid in c.names]
    watchers = [Watcher(nodes[i % len(nodes)].port,
                        c.connection.token, wid, tally).start()
                for i in range(total)
                for c, wid in [watched[i % len(watched)]]]
    await until("streams", lambda: all(w.opened for w in watchers), 60)
    return watchers


async def end_watchers(clients, watchers, tally):
    """each must come to the state that is stored"""
    state = {}
    end = time.time() + 30
    for c in clients:
        for wid in c.names:
            status = None
            while status is None and time.time() < end:     # 503
                status, answer = await c.ask("GET", f"/workspaces/{wid}")
            if status == 200:
                state[wid] = json.loads(answer)["name"]
    try:
        await until("watchers", lambda: all(
            w.name == state.get(w.wid) for w in watchers), 30)
    except Stuck:
        late = [w for w in watchers if w.name != state.get(w.wid)]
        tally.bad(f"{len(late)} of {len(watchers)} watchers have an old "
                  "state: " + ", ".join(
                      f"{w.wid} {w.version} {w.name}, not {state.get(w.wid)}"
                      for w in late[:5]))
    for w in watchers:
        w.stop()


async def populate(clients, each):
    async def some(c):
        while len(c.names) < each:
            await c.create()
    await asyncio.gather(*[some(c) for c in clients])


def crashes(nodes, tally, expected=0):
    n = sum(len(node.said(r"exited on signal (?!9)")) for node in nodes)
    if n > expected:
        tally.bad(f"{n} workers crashed")


async def kill_and_write(clients, tally, total, kills, kill):
    """clients write while kill() is called at even distances"""
    killed = []
    running = [asyncio.create_task(
        c.run(lambda: len(killed) == kills
              and tally["acknowledged"] >= total, writes=0.8))
        for c in clients]
    for i in range(kills):
        mark = total * (i + 1) // (kills + 1)
        await until("writes", lambda: tally["acknowledged"] >= mark
                    or any(r.done() for r in running), 300)
        await kill()
        killed.append(i)
    await asyncio.gather(*running)


async def verify(deployment, clients, tally):
    for c in clients:
        c.connect()
    await asyncio.gather(*[c.verify() for c in clients])
    complaint = deployment.check()
    if complaint:
        tally.bad("wsctl check: " + complaint[:500])


async def restart_scenario(name, options, total, kills):
    redis = Redis(name, *options).ready()
    deployment = Deployment(redis.url, CLIENTS)
    nodes = [Nginx(f"{name}-{i}", redis.url + " read_timeout=5s")
             for i in range(2)]
    tally = Tally()

    async def kill():
        redis.kill9()
        await asyncio.sleep(random.uniform(0, 0.3))
        redis.start()
        await until("Redis to be back",
                    lambda: redis.cmd("PING") == "PONG", 120)

    clients = clients_of(deployment, nodes, tally)
    await populate(clients, 10)
    watchers = await start_watchers(clients, nodes, tally, WATCHERS)
    await kill_and_write(clients, tally, total, kills, kill)
    await end_watchers(clients, watchers, tally)
    await verify(deployment, clients, tally)
    crashes(nodes, tally)
    return tally


@scenario
async def redis_killed():
    """Redis is killed 20 times, appendfsync always: nothing is lost"""
    return await restart_scenario(
        "redis-killed", ["--appendonly", "yes", "--appendfsync", "always"],
        scaled(100000), 20)


@scenario
async def redis_killed_everysec():
    """the same with appendfsync everysec: what is lost is said"""
    tally = await restart_scenario(
        "redis-everysec", ["--appendonly", "yes", "--appendfsync",
                           "everysec"], scaled(20000), 5)
    tally.losses.clear()        # only measured
    return tally


async def synchronized(primary, replicas):
    """has so many replicas, all up to date; a failover may still change it"""
    await until("replicas", lambda: primary().cmd(
        "INFO", "replication").count("state=online") == replicas, 120)


async def failover_scenario(name, conf, total, kills):
    primary = Redis(f"{name}-0").ready()
    replicas = [Redis(f"{name}-{i}", "--replicaof", "127.0.0.1",
                      str(primary.port)).ready() for i in (1, 2)]
    await synchronized(lambda: primary, 2)
    sentinels = [Sentinel(f"{name}-sentinel-{i}", primary.port, 2)
                 for i in range(3)]
    for s in sentinels:
        s.ready()
        await until("sentinels", lambda s=s: all(
            text in s.cmd("INFO", "sentinel")
            for text in ("sentinels=3", "slaves=2")))
    deployment = Deployment(primary.url, CLIENTS)
    url = ("sentinel://" + ",".join(f"127.0.0.1:{s.port}" for s in sentinels)
           + "/main")
    nodes = [Nginx(f"{name}-node-{i}", url + " read_timeout=5s", conf=conf)
             for i in range(2)]
    tally = Tally()
    servers = {r.port: r for r in [primary, *replicas]}

    def current():
        said = [s.primary_port() for s in sentinels]
        said = [port for port in said if port in servers]
        return servers[max(set(said), key=said.count)]

    async def kill():
        old = current()
        old.kill9()
        await until("a new primary", lambda: current() is not old, 60)
        old.options = ("--replicaof", "127.0.0.1", str(current().port))
        old.start()
        old.ready()
        await synchronized(current, 2)

    clients = clients_of(deployment, nodes, tally)
    await populate(clients, 10)
    watchers = await start_watchers(clients, nodes, tally, WATCHERS)
    await kill_and_write(clients, tally, total, kills, kill)
    await end_watchers(clients, watchers, tally)
    deployment.use(current().url)
    await verify(deployment, clients, tally)
    crashes(nodes, tally)
    return tally


@scenario
async def failover():
    """Sentinel, the primary killed 20 times, workspace_wait 1"""
    return await failover_scenario("failover", "workspace_wait 1 2s;",
                                   scaled(100000), 20)


@scenario
async def failover_without_wait():
    """the same without workspace_wait: what is lost is said"""
    tally = await failover_scenario("failover-lossy", "", scaled(20000), 5)
    tally.losses.clear()        # only measured
    return tally


@scenario
async def cluster_failover():
    """Redis Cluster, primaries killed in turn 10 times, workspace_wait 1"""
    cluster = Cluster("cluster", 16)
    deployment = Deployment(cluster.url, CLIENTS, shards=16)
    nodes = [Nginx(f"cluster-node-{i}", cluster.url + " read_timeout=5s",
                   conf="workspace_wait 1 2s;", shards=16)
             for i in range(2)]
    tally = Tally()
    clients = clients_of(deployment, nodes, tally)
    await populate(clients, 5)
    watchers = await start_watchers(clients, nodes, tally, WATCHERS)
    out = []

    # the workspaces of a client are on one node

    async def kill():
        homes = {c: cluster.primary(next(iter(c.names))) for c in clients}
        victim = min(homes.values(), key=lambda n: n.killed)
        theirs = [c for c, home in homes.items() if home is victim]
        begun = time.time()
        victim.kill9()
        await until("writes", lambda: all(c.renamed > begun for c in theirs),
                    60)
        out.append(time.time() - begun)
        victim.start()
        victim.ready()
        await until("replicas", cluster.settled, 60)

    await kill_and_write(clients, tally, scaled(50000), 10, kill)
    await end_watchers(clients, watchers, tally)
    await verify(deployment, clients, tally)
    crashes(nodes, tally)
    tally["shards out, median ms"] = int(statistics.median(out) * 1000)
    tally["shards out, max ms"] = int(max(out) * 1000)
    return tally


@scenario
async def workers_killed():
    """3 nodes, workers killed, reloads: no wrong answer, 1,000 watchers"""
    redis = Redis("workers").ready()
    deployment = Deployment(redis.url, CLIENTS)
    nodes = [Nginx(f"workers-{i}", redis.url) for i in range(3)]
    tally = Tally()

    # every other one with a connection for each request: see below

    clients = clients_of(deployment, nodes, tally)
    for c in clients[::2]:
        c.keepalive = False
        c.connect()
    await populate(clients, 10)
    watchers = await start_watchers(clients, nodes, tally, WATCHERS)
    killed, reloads = {}, []
    end = time.time() + scaled(60)
    running = [asyncio.create_task(c.run(lambda: time.time() > end))
               for c in clients]
    while time.time() < end:
        node = random.choice(nodes)
        workers = node.workers()
        if workers and random.random() < 0.7:
            begun = time.time()
            for local in node.kill9(random.choice(workers)):
                killed.setdefault((node.port, local), []).append(begun)
            tally["killed"] += 1
        else:
            reloads.append((time.time(), node.port))
            node.reload()
            tally["reloads"] += 1
        await asyncio.sleep(1)
    await asyncio.gather(*running)
    await end_watchers(clients, watchers, tally)
    await verify(deployment, clients, tally)
    crashes(nodes, tally)
    if tally[503]:
        tally.bad(f"{tally[503]} answers were 503")
    judge_ended(tally, killed, reloads)
    return tally


def judge_ended(tally, killed, reloads):
    """only those of the killed end, and with a reload those that wait for
    the next request, which may be on its way; ports are used again"""
    def may(when, port, local, what, first):
        return (any(0 <= when - t < 10 for t in killed.get((port, local), ()))
                or not first and any(0 <= when - t < 10 and port == reloaded
                                     for t, reloaded in reloads))

    wrong = [e for e in tally.ended if not may(*e)]
    if wrong:
        tally.bad(f"{len(wrong)} connections ended that need not have: "
                  f"{wrong[:5]}")
    for status in tally:
        if str(status).startswith("watch ") and tally[status]:
            tally.bad(f"{tally[status]} answers were {status}")


async def upgrade(node):
    """the binary upgrade of nginx's documentation; the old master goes"""
    old = node.pid()
    os.kill(old, signal.SIGUSR2)
    await until("a new master", lambda: node.pid() not in (None, old)
                and node.workers())
    os.kill(old, signal.SIGQUIT)
    return old


@scenario
async def reload_under_load():
    """reloads and a binary upgrade, 1,000 watches: no request fails"""
    redis = Redis("reload").ready()
    deployment = Deployment(redis.url, CLIENTS)
    node = Nginx("reload-0", redis.url)
    tally = Tally()

    # a connection for each request: whoever keeps one open and uses it just
    # when it is closed cannot tell whether his request was read

    clients = clients_of(deployment, [node], tally, keepalive=False)
    await populate(clients, 10)
    watchers = await start_watchers(clients, [node], tally, WATCHERS)
    stop = []
    running = [asyncio.create_task(c.run(lambda: stop, writes=0.3))
               for c in clients]
    slowest = 0
    for i in range(max(scaled(6), 4)):
        old = node.workers()
        begun = time.time()
        if i == 3:
            old += [await upgrade(node)]
            begun = time.time()
        else:
            node.reload()
        await until("old workers to go",
                    lambda: not any(alive(p) for p in old), 30)
        slowest = max(slowest, time.time() - begun)
        await until("streams to be back",
                    lambda: all(w.connected for w in watchers), 30)
        await asyncio.sleep(0.5)
    stop.append(1)
    await asyncio.gather(*running)
    await end_watchers(clients, watchers, tally)
    await verify(deployment, clients, tally)
    crashes([node], tally)
    tally["slowest quit, ms"] = int(slowest * 1000)
    judge_ended(tally, {}, [])
    if tally[503]:
        tally.bad(f"{tally[503]} answers were 503")
    if slowest > 5 and not REPORTS:
        tally.bad(f"old workers took {slowest:.1f} s")
    return tally


async def deaf(port, token, path):
    """asks and never reads"""
    reader, writer = await asyncio.open_connection("127.0.0.1", port,
                                                   limit=1024)
    writer.transport.pause_reading()
    writer.write((f"GET /api/v2{path} HTTP/1.1\r\nHost: localhost\r\n"
                  f"Coder-Session-Token: {token}\r\n\r\n").encode())
    return writer


async def latencies(client, n, tally):
    """ms of n reads, sorted"""
    wid = random.choice(list(client.names))
    out = []
    for _ in range(n):
        begun = time.perf_counter()
        await do(client, "GET", f"/workspaces/{wid}", None, tally)
        out.append((time.perf_counter() - begun) * 1000)
    return sorted(out)


@scenario
async def deaf_clients():
    """1,000 clients that never read: memory bounded, others unaffected"""
    redis = Redis("deaf").ready()
    deployment = Deployment(redis.url, CLIENTS)
    node = Nginx("deaf-0", redis.url, workers=1, conf="send_timeout 10m;")
    tally = Tally()
    clients = clients_of(deployment, [node], tally)
    await populate(clients, scaled(200))
    admin = deployment.ctl("user", "create", "root", "--role", "owner")
    token = deployment.ctl("token", "create", "root")
    assert admin
    writer = clients[0]
    before = await latencies(clients[1], 500, tally)
    worker = node.workers()[0]
    idle = rss(worker)
    wid = next(iter(writer.names))
    open_ones = []
    for i in range(500):
        open_ones.append(await deaf(node.port, token, "/workspaces"))
        open_ones.append(await deaf(node.port, writer.connection.token,
                                    f"/workspaces/{wid}/watch"))
    ports = {w.get_extra_info("sockname")[1] for w in open_ones}

    await until("answers", lambda: len(open_ones) == sum(
        unread > 0 for ours, theirs, _, unread, _ in tcp()
        if ours in ports and theirs == node.port))
    peak = 0
    for _ in range(scaled(300)):
        name = writer.new_name()
        writer.names[wid].add(name)
        await do(writer, "PATCH", f"/workspaces/{wid}", {"name": name}, tally)
        peak = max(peak, rss(worker))
    during = await latencies(clients[1], 500, tally)
    peak = max(peak, rss(worker))

    # seen from nginx: that it has closed does not arrive where nobody reads

    still = sum(state == ESTABLISHED for ours, theirs, state, _, _ in tcp()
                if ours == node.port and theirs in ports)
    if still < len(open_ones):
        tally.bad(f"only {still} of {len(open_ones)} are still open")
    for w in open_ones:
        w.close()
    if during[-5] > 250 and not REPORTS:
        tally.bad(f"others wait for {during[-5]:.0f} ms")
    each = (peak - idle) / len(open_ones)
    tally["kB for each"] = int(each)
    tally["GET p99 before, us"] = int(before[-5] * 1000)
    tally["GET p99 during, us"] = int(during[-5] * 1000)

    # docs/operations.md: a listing's ids and 320 kB, a stream's event

    most = (16 * len(clients) * scaled(200) / 1024 + 320 + 32) / 2
    if each > most and not REPORTS:
        tally.bad(f"{each:.0f} kB for each of them, more than {most:.0f}")
    status, _ = await clients[2].ask("GET", "/workspaces?q=owner:me")
    if status != 200:
        tally.bad(f"others got {status}")
    crashes([node], tally)
    return tally


SOAK = """
local tokens, ids, org, template = %s, %s, "%s", "%s"
local n = 0
local thread
asked, got = {}, {}
local function ask(status, ...)
    asked[status] = (asked[status] or 0) + 1
    return wrk.format(...)
end
request = function()
    n = n + 1
    local token = tokens[n %% #tokens + 1]
    local mine = ids[n %% #tokens + 1]
    local id = mine[n %% #mine + 1]
    local headers = { ["Coder-Session-Token"] = token }
    local r = math.random(100)
    local path = "/api/v2/workspaces/" .. id
    if r <= 60 then
        return ask(200, "GET", path, headers)
    elseif r <= 70 then
        return ask(204, "PATCH", path, headers,
                   '{"name":"soak-' .. n .. '"}')
    elseif r <= 75 then
        return ask(204, "PUT", path .. "/ttl", headers,
                   '{"ttl_ms":' .. 60000 + n .. '}')
    elseif r <= 80 then
        return ask(200, "GET", "/api/v2/workspaces?q=owner:me", headers)
    elseif r <= 84 then
        return ask(400, "GET", "/api/v2/workspaces?q=nonsense:x", headers)
    elseif r <= 88 then
        return ask(400, "PATCH", path, headers, '{"name":"-", ')
    elseif r <= 92 then
        return ask(401, "GET", path)
    elseif r <= 96 then
        return ask(409, "POST", "/api/v2/organizations/" .. org
                   .. "/members/me/workspaces", headers,
                   '{"name":"taken","template_id":"' .. template .. '"}')
    else
        return ask(404, "DELETE", "/api/v2/nowhere", headers)
    end
end
response = function(status)
    got[status] = (got[status] or 0) + 1
end
setup = function(t)
    thread = t
end
done = function(summary)
    for status, count in pairs(thread:get("asked")) do
        print("ASKED", status, count)
    end
    for status, count in pairs(thread:get("got")) do
        print("GOT", status, count)
    end
    for what, count in pairs(summary.errors) do
        print("ERRORS", what, count)
    end
end
"""


def judge_soak(out, tally):
    """each is answered as it must be, but for those cut off in the end"""
    said = {"ASKED": {}, "GOT": {}, "ERRORS": {}}
    for line in out.splitlines():
        kind, *rest = line.split("\t")
        if kind in said:
            said[kind][rest[0]] = int(rest[1])
    asked, got = said["ASKED"], said["GOT"]
    for status, count in got.items():
        tally[int(status)] += count
    missing = {status: asked.get(status, 0) - got.get(status, 0)
               for status in asked.keys() | got.keys()}

    # "status" of them are those above 399

    failed = {what: count for what, count in said["ERRORS"].items()
              if what != "status" and count}
    if (not got or failed or min(missing.values()) < 0
            or sum(missing.values()) > SOAKING + 1):    # wrk asks one in vain
        tally.bad(f"wrk: asked {asked}, got {got}, errors {failed}")


@scenario
async def soak():
    """a million mixed requests: no growth of a worker's memory"""
    redis = Redis("soak").ready()
    deployment = Deployment(redis.url, CLIENTS)
    node = Nginx("soak-0", redis.url, workers=1,
                 conf="keepalive_requests 1000000;")
    tally = Tally()
    clients = clients_of(deployment, [node], tally)
    await populate(clients, 20)
    for c in clients:
        await do(c, "POST", f"/organizations/{deployment.org}/members/me/"
                 "workspaces", {"name": "taken",
                                "template_id": deployment.template}, tally)
    script = os.path.join(WORK, "soak.lua")
    with open(script, "w") as f:
        f.write(SOAK % (lua(deployment.tokens),
                        "{" + ",".join(lua(list(c.names)) for c in clients)
                        + "}", deployment.org, deployment.template))
    worker = node.workers()[0]
    total = scaled(1000000)
    sizes = []
    while tally["requests"] < total:
        before = tally["requests"]
        out = await asyncio.to_thread(
            subprocess.run, ["wrk", "-t1", f"-c{SOAKING}", "-d5",
                             "--timeout", "30s", "-s", script,
                             f"http://127.0.0.1:{node.port}/"],
            text=True, capture_output=True)
        tally["requests"] += next(
            (int(line.split()[0]) for line in out.stdout.splitlines()
             if " requests in " in line), 0)
        if tally["requests"] == before:
            tally.bad("wrk: " + out.stdout + out.stderr)
            break
        judge_soak(out.stdout, tally)
        sizes.append((tally["requests"], rss(worker)))
    warm = next(kb for n, kb in sizes if n >= total * 0.2)
    tally["kB when warm"] = warm
    tally["kB at the end"] = sizes[-1][1]
    if node.workers() != [worker]:
        tally.bad("the worker is another")
    elif sizes[-1][1] > warm + 512 and not REPORTS:
        tally.bad(f"memory grows: {sizes}")
    crashes([node], tally)
    complaint = deployment.check()
    if complaint:
        tally.bad("wsctl check: " + complaint[:500])
    return tally


def lua(values):
    return "{" + ",".join(f'"{v}"' for v in values) + "}"


@scenario
async def redis_stopped():
    """10,000 requests wait for a stopped Redis: all end in time"""
    redis = Redis("stopped").ready()
    deployment = Deployment(redis.url, CLIENTS)
    node = Nginx("stopped-0", redis.url + " read_timeout=2s", workers=1)
    tally = Tally()
    clients = clients_of(deployment, [node], tally)
    await populate(clients, 10)
    worker = node.workers()[0]
    idle = rss(worker)
    os.kill(redis.process.pid, signal.SIGSTOP)

    async def one(c):
        connection = Connection(node.port, c.connection.token, False)
        wid = random.choice(list(c.names))
        try:
            status, _ = await connection.request("GET",
                                                 f"/api/v2/workspaces/{wid}")
        except (Broken, asyncio.TimeoutError) as e:
            status = repr(e)
        tally[f"{status} of those"] += 1
        return time.time() - connection.asked

    waiting = [asyncio.create_task(one(clients[i % CLIENTS]))
               for i in range(scaled(10000))]
    peak = idle
    while not all(w.done() for w in waiting):
        peak = max(peak, rss(worker))
        await asyncio.sleep(0.1)
    slowest = max(w.result() for w in waiting)
    os.kill(redis.process.pid, signal.SIGCONT)
    begun = time.time()
    while (await clients[0].ask(
            "GET", "/workspaces?q=owner:me"))[0] != 200:
        pass
    tally["recovery, ms"] = int((time.time() - begun) * 1000)
    tally["slowest, ms"] = int(slowest * 1000)
    tally["MB more"] = (peak - idle) >> 10
    if tally["503 of those"] != len(waiting):
        tally.bad("not all of them were 503")
    if slowest > 6 and not REPORTS:
        tally.bad(f"one waited for {slowest:.0f} s")
    if peak - idle > 200 << 10 and not REPORTS:
        tally.bad(f"{peak - idle} kB more")
    if tally["recovery, ms"] > 1000 and not REPORTS:
        tally.bad("recovery is slow")
    await verify(deployment, clients, tally)
    crashes([node], tally)
    return tally


async def provision(port, token, tally):
    """completes every job it gets at once; reloads spare what is asked"""
    connection = Connection(port, token, False)
    path = "/api/v2/provisioners/me/"
    while True:
        status, answer = await connection.request(
            "POST", path + "acquire", {"wait_ms": 5000})
        if status == 200:
            job = json.loads(answer)
            status, answer = await connection.request(
                "POST", f"{path}jobs/{job['job_id']}/complete",
                {"lease": job["lease"]})
            tally[f"{job['transition']}, {job['build']['reason']}"] += 1
        if status not in (200, 204):
            tally.bad(f"provisioner at {port}: {status} {answer[:200]}")


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


async def reload_often(node, tally):
    """its workers are always young"""
    while True:
        node.reload()
        tally["reloads"] += 1
        await asyncio.sleep(5)


def judge_made(kind, made, tally):
    """the time of what was made since this scenario began, by Redis' clock"""
    age = time.time() - time_of(made["created_at"]).timestamp()
    if not -5 < age < 300:
        tally.bad(f"{kind} made {age:.0f} s ago")


async def ahead_by(node, token):
    """seconds that a node's clock is ahead of ours"""
    connection = Connection(node.port, token, False)
    await connection.request("GET", "/api/v2/workspaces?limit=1")
    date = re.search(rb"Date: ([^\r]+)", connection.head)[1].decode()
    return email.utils.parsedate_to_datetime(date).timestamp() - time.time()


@scenario
async def clock_skewed():
    """one node's clock is 10 minutes ahead: all is done once, none early"""
    redis = Redis("skewed").ready()
    deployment = Deployment(redis.url, CLIENTS)
    ahead = {"LD_PRELOAD": FAKETIME, "FAKETIME": "+600s",
             "DONT_FAKE_MONOTONIC": "1"}
    nodes = [Nginx(f"skewed-{i}", redis.url, env=env)
             for i, env in enumerate([{}, {}, ahead])]
    tally = Tally()
    token = deployment.ctl("provisioner", "create", "p")
    provisioners = [asyncio.create_task(provision(n.port, token, tally))
                    for n in nodes]
    clients = clients_of(deployment, nodes, tally, keepalive=False)
    ttl = 60000
    await populate(clients, 8)
    stopping = [(c, wid) for c in clients for wid in list(c.names)[:5]]
    starting = [(c, wid) for c in clients for wid in list(c.names)[5:]]
    for c, wid in stopping:
        await do(c, "PUT", f"/workspaces/{wid}/ttl", {"ttl_ms": ttl}, tally)
    total = len(stopping) + len(starting)
    await until("starts", lambda: tally["start, initiator"] == total)
    for c, wid in stopping + starting:
        await do(c, "POST", f"/workspaces/{wid}/builds",
                 {"transition": "stop"}, tally)
    await until("stops", lambda: tally["stop, initiator"] == total)

    # a minute that begins when all has been said, and while clients write

    start = datetime.datetime.fromtimestamp(
        (time.time() + 90) // 60 * 60, datetime.timezone.utc)
    for c, wid in starting:
        await do(c, "PUT", f"/workspaces/{wid}/autostart",
                 {"schedule": f"{start.minute} {start.hour} * * *"}, tally)
    for c, wid in stopping:
        await do(c, "POST", f"/workspaces/{wid}/builds",
                 {"transition": "start"}, tally)
    end = max(time.time() + ttl / 1000, start.timestamp()) + 10
    reloading = asyncio.create_task(reload_often(nodes[2], tally))
    await asyncio.gather(*[c.run(lambda: time.time() > end, writes=0.05)
                           for c in clients])
    await until("stops",
                lambda: tally["stop, autostop"] >= len(stopping))
    await until("starts",
                lambda: tally["start, autostart"] >= len(starting))
    reloading.cancel()
    latest = {"autostop": 0, "autostart": 0}
    for reason, number, those in (("autostop", 4, stopping),
                                  ("autostart", 3, starting)):
        for c, wid in those:
            c.connect()
            status, answer = await c.ask("GET", f"/workspaces/{wid}/builds")
            builds = json.loads(answer)
            for build in builds:
                judge_made("a build was", build, tally)
            last = builds[0]
            if last["build_number"] != number or last["reason"] != reason:
                tally.bad(f"{wid}: {last['build_number']} {last['reason']}")
                continue
            due = (start if reason == "autostart"
                   else time_of(builds[1]["deadline"]))
            delay = (time_of(last["created_at"]) - due).total_seconds()
            latest[reason] = max(latest[reason], delay)
            if delay < 0:
                tally.bad(f"{wid}: {reason} {-delay} s early")
    for c in clients:
        status, answer = await c.ask("GET", "/workspaces?q=owner:me")
        for w in json.loads(answer)["workspaces"]:
            judge_made("a workspace was", w, tally)
            judge_made("its build was", w["latest_build"], tally)
    for reason, delay in latest.items():
        tally[f"latest {reason}, ms"] = int(delay * 1000)
        if delay > 5 and not REPORTS:
            tally.bad(f"{reason} {delay} s late")
    for node, skew in zip(nodes, (0, 0, 600)):
        seen = await ahead_by(node, deployment.tokens[0])
        if abs(seen - skew) > 30:
            tally.bad(f"a node is {seen:.0f} s ahead, not {skew}")
    for p in provisioners:
        p.cancel()
    await verify(deployment, clients, tally)
    crashes(nodes, tally)
    return tally


def new_reports():
    """what sanitizers wrote since the last call"""
    found = []
    for name in sorted(os.listdir(REPORTS)) if REPORTS else []:
        path = os.path.join(REPORTS, name)
        if path not in seen and os.path.getsize(path):
            seen.add(path)
            with open(path, errors="replace") as f:
                found.append(path + ":\n" + "".join(f.readlines()[:60]))
    return found


seen = set()


def main():
    if REPORTS and not VALGRIND:
        # libfaketime, begun before ASan's runtime, waits for it forever
        del scenarios["clock-skewed"]
    names = sys.argv[1:] or list(scenarios)
    unknown = set(names) - scenarios.keys()
    if unknown:
        sys.exit(f"no such scenario: {', '.join(unknown)}; there are "
                 + ", ".join(scenarios))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, hard), hard))
    shutil.rmtree(WORK, ignore_errors=True)
    failed = []
    for name in names:
        print(f"{name}: {scenarios[name].__doc__}", flush=True)
        begun = time.time()
        wrong = []
        Tally.last = Tally()
        try:
            asyncio.run(scenarios[name]())
        except Stuck as e:
            wrong = [str(e)]
        finally:
            stop_all()
        tally = Tally.last
        print("   ", ", ".join(f"{k}: {v}" for k, v in tally.items()))
        wrong += tally.wrong + tally.losses
        wrong += new_reports()
        for text in wrong[:10]:
            print("    WRONG", text)
        if len(wrong) > 10:
            print(f"    and {len(wrong) - 10} more")
        print(f"    {'not ok' if wrong else 'ok'} {name}, "
              f"{time.time() - begun:.0f} s", flush=True)
        if wrong:
            failed.append(name)
    print(f"{len(names) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
