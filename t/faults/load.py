"""Clients that know what they must be told, and say so when they are not.

Each client is a user of its own who does one thing after the other.  Of each
of its workspaces it knows which names it can have: the one last acknowledged,
and those asked for since then without an answer, or with one that says that
they may be in effect.
"""

import asyncio
import collections
import json
import random
import re
import time

TIMEOUT = 30            # seconds; whoever needs longer hangs


class Broken(Exception):
    """no answer: the connection ended"""


class Connection:
    """HTTP/1.1 with what nginx needs of it"""

    def __init__(self, port, token, keepalive=True):
        self.port = port
        self.token = token
        self.keepalive = keepalive
        self.writer = None
        self.local = None       # our port
        self.answers = 0        # had on it
        self.asked = 0          # when the last request was written

    async def request(self, method, path, body=None):
        """(status, body); Broken; a hang raises TimeoutError"""
        try:
            return await asyncio.wait_for(self.ask(method, path, body),
                                          TIMEOUT)
        except (OSError, EOFError, ValueError) as e:
            self.close()
            raise Broken(str(e)) from e
        except BaseException:
            self.close()
            raise

    async def ask(self, method, path, body):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(
                "127.0.0.1", self.port, limit=1 << 22)
            self.local = self.writer.get_extra_info("sockname")[1]
            self.answers = 0
        data = json.dumps(body).encode() if body is not None else b""
        self.writer.write((
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Coder-Session-Token: {self.token}\r\n"
            f"Connection: {'keep-alive' if self.keepalive else 'close'}\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode() + data)
        self.asked = time.time()
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        self.head = head
        if b"Transfer-Encoding: chunked" in head:
            parts = []
            while True:
                n = int(await self.reader.readuntil(b"\r\n"), 16)
                part = await self.reader.readexactly(n + 2)
                if n == 0:
                    break
                parts.append(part[:-2])
            answer = b"".join(parts)
        else:
            length = re.search(rb"Content-Length: (\d+)", head)
            answer = await self.reader.readexactly(
                int(length[1]) if length else 0)
        self.answers += 1
        if b"Connection: close" in head:
            self.close()
        return status, answer

    def close(self):
        if self.writer:
            self.writer.close()
            self.writer = None


class Tally(collections.Counter):
    """what happened; "wrong" has the words for what never may, "losses"
    for what may not unless Redis may lose what it acknowledged"""

    last = None             # of the scenario that runs

    def __init__(self):
        super().__init__()
        self.wrong = []
        self.losses = []
        Tally.last = self
        self.ended = []         # (when, server's port, ours, what, first)

    def bad(self, text):
        self.wrong.append(text)

    def lost(self, text, what="lost"):
        self[what] += 1
        self.losses.append(text)

    def broke(self, what, port, local, first=True):
        """a connection ended before its answer, to its first request"""
        self[what] += 1
        self.ended.append((time.time(), port, local, what, first))


class Client:
    def __init__(self, deployment, index, ports, tally, keepalive=True):
        self.deployment = deployment
        self.index = index
        self.ports = ports
        self.tally = tally
        self.keepalive = keepalive
        self.names = {}         # id: names that it may have
        self.last = {}          # id: the one that was acknowledged
        self.attempts = set()   # of creates that may be in effect
        self.unsure = False     # whether the last request may be
        self.n = 0
        self.renamed = 0        # when the last one was begun that succeeded
        self.connect()

    def connect(self):
        self.connection = Connection(random.choice(self.ports),
                                     self.deployment.tokens[self.index],
                                     self.keepalive)

    async def ask(self, method, path, body=None):
        """(status, body), or (None, None): there is no answer, and with
        self.unsure the outcome is not known"""
        self.unsure = True
        try:
            status, answer = await self.connection.request(
                method, "/api/v2" + path, body)
        except Broken:
            self.tally.broke("broken", self.connection.port,
                             self.connection.local,
                             self.connection.answers == 0)
            self.connect()
            return None, None
        except asyncio.TimeoutError:
            self.tally.bad(f"{method} {path}: no answer in {TIMEOUT} s")
            self.connect()
            return None, None
        self.tally[status] += 1
        if status == 503:
            if b'"message"' not in answer:
                self.tally.bad(f"503 without the error body: {answer[:99]}")
            self.unsure = b"may be in effect" in answer
            await asyncio.sleep(0.02)       # as Retry-After would have it
            return None, None
        return status, answer

    def new_name(self):
        self.n += 1
        return f"c{self.index}-{self.n}"

    async def create(self):
        name = self.new_name()
        status, answer = await self.ask(
            "POST", f"/organizations/{self.deployment.org}/members/me/"
            "workspaces", {"name": name,
                           "template_id": self.deployment.template})
        if status is None:
            if self.unsure:
                self.attempts.add(name)
        elif status == 200:
            w = json.loads(answer)
            self.names[w["id"]] = {name}
            self.last[w["id"]] = name
            self.tally["acknowledged"] += 1
            if w["name"] != name:
                self.tally.bad(f"created {name}, told {w['name']}")
        else:
            self.tally.bad(f"create {name}: {status} {answer[:200]}")

    async def rename(self):
        wid = random.choice(list(self.names))
        name = self.new_name()
        self.names[wid].add(name)
        begun = time.time()
        status, answer = await self.ask("PATCH", f"/workspaces/{wid}",
                                        {"name": name})
        if status == 204:
            self.renamed = begun
            self.names[wid] = {name}
            self.last[wid] = name
            self.tally["acknowledged"] += 1
        elif status == 404:
            self.tally.lost(f"rename {wid}: 404")
        elif status is not None:
            self.tally.bad(f"rename {wid}: {status} {answer[:200]}")
        elif not self.unsure:
            self.names[wid].discard(name)       # it was not done

    def compare(self, wid, w):
        if w["id"] != wid or w["owner_name"] != f"u{self.index}":
            self.tally.bad(f"asked for {wid}, got {w['id']} of "
                           f"{w['owner_name']}")
        elif w["name"] not in self.names[wid]:
            self.tally.lost(f"{wid} is {w['name']}, can be "
                            f"{sorted(self.names[wid])[:5]}")

    async def read(self):
        wid = random.choice(list(self.names))
        status, answer = await self.ask("GET", f"/workspaces/{wid}")
        if status == 200:
            self.compare(wid, json.loads(answer))
        elif status == 404:
            self.tally.lost(f"read {wid}: 404")
        elif status is not None:
            self.tally.bad(f"read {wid}: {status}")

    async def list(self):
        status, answer = await self.ask("GET", "/workspaces?q=owner:me")
        if status == 200:
            self.compare_all(json.loads(answer))
        elif status is not None:
            self.tally.bad(f"list: {status}")

    def compare_all(self, listing):
        found = {w["id"]: w for w in listing["workspaces"]}
        for wid, w in found.items():
            if wid in self.names:
                self.compare(wid, w)
            elif w["owner_name"] != f"u{self.index}":
                self.tally.bad(f"list has {wid} of {w['owner_name']}")
            elif w["name"] not in self.attempts:
                self.tally.bad(f"list has an unknown {w['name']}")
        for wid in self.names.keys() - found.keys():
            self.tally.lost(f"{wid} {self.last[wid]} is not in the list")

    async def one(self, writes):
        r = random.random()
        if len(self.names) < 20 or r < 0.1 * writes:
            await self.create()
        elif r < writes:
            await self.rename()
        elif r < 0.98:
            await self.read()
        else:
            await self.list()

    async def run(self, done, writes=0.5):
        task = asyncio.current_task()

        # wait_for() may swallow that the task was cancelled

        while not done() and not task.cancelling():
            await self.one(writes)
        self.connection.close()

    async def verify(self):
        """all of it, when everything works again"""
        for _ in range(100):
            status, answer = await self.ask("GET", "/workspaces?q=owner:me")
            if status == 200:
                self.compare_all(json.loads(answer))
                break
            await asyncio.sleep(0.1)
        else:
            self.tally.bad(f"u{self.index}: no list in the end")
        for wid in list(self.names):
            await self.verify_one(wid)
        self.connection.close()

    async def verify_one(self, wid):
        for _ in range(100):
            status, answer = await self.ask("GET", f"/workspaces/{wid}")
            if status == 200:
                self.compare(wid, json.loads(answer))
                return
            if status == 404:
                self.tally.lost(f"{wid} {self.last[wid]} is not there")
                return
            await asyncio.sleep(0.1)
        self.tally.bad(f"{wid}: no answer in the end")


class Watcher:
    """as an EventSource: comes back with the id of the last event"""

    def __init__(self, port, token, wid, tally):
        self.port = port
        self.token = token
        self.wid = wid
        self.tally = tally
        self.version = 0
        self.name = None
        self.opened = 0
        self.connected = False
        self.task = None

    def start(self):
        self.task = asyncio.create_task(self.run())
        return self

    def stop(self):
        self.task.cancel()

    async def run(self):
        while True:
            writer = None
            local = None
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.port, limit=1 << 22)
                local = writer.get_extra_info("sockname")[1]
                await self.watch(reader, writer)
            except (OSError, EOFError, ValueError):
                self.tally.broke("streams cut" if self.connected
                                 else "watches unanswered", self.port, local)
            finally:
                self.connected = False
                if writer:
                    writer.close()
            await asyncio.sleep(random.uniform(0.05, 0.3))

    async def watch(self, reader, writer):
        again = (f"Last-Event-ID: {self.version}\r\n" if self.version else "")
        writer.write((f"GET /api/v2/workspaces/{self.wid}/watch HTTP/1.1\r\n"
                      "Host: localhost\r\n"
                      f"Coder-Session-Token: {self.token}\r\n{again}"
                      "Accept: text/event-stream\r\n\r\n").encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if head[9:12] != b"200":
            self.tally[f"watch {head[9:12].decode()}"] += 1
            return
        self.opened += 1
        self.connected = True
        pending = b""
        while True:
            n = int(await reader.readuntil(b"\r\n"), 16)
            if n == 0:
                return
            pending += (await reader.readexactly(n + 2))[:-2]
            *events, pending = pending.split(b"\n\n")
            for event in events:
                self.event(event)

    def event(self, event):
        version = re.search(rb"^id: ?(\d+)", event, re.M)
        data = re.search(rb"^data: ?(\{.*)", event, re.M)
        if not version or not data:
            return
        version = int(version[1])
        if version < self.version:
            self.tally.lost(f"watch {self.wid} went back: {version} "
                            f"after {self.version}", "went back")
        self.version = version
        w = json.loads(data[1])
        if w["id"] != self.wid:
            self.tally.bad(f"watch {self.wid}: told of {w['id']}")
        self.name = w["name"]
        self.tally["events"] += 1
