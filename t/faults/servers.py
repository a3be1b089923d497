"""Real servers on loopback: Redis, Sentinel, nginx with the module."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.path.join(TOP, "build"))
WORK = os.path.join(BUILD, "faults")
MODULE = os.path.join(BUILD, "ngx_http_workspace_module.so")
WSCTL = os.path.join(BUILD, "wsctl")
SHARDS = int(os.environ.get("WORKSPACE_SHARDS", "1"))

VALGRIND = os.environ.get("WORKSPACE_VALGRIND")

# a binary upgrade needs the whole path

NGINX = (os.environ.get("NGINX")
         or shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"))

ESTABLISHED = 1         # in /proc/net/tcp

running = []


class Stuck(Exception):
    pass


def sh(*command, **kw):
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE, **kw).stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return
        time.sleep(0.02)
    raise Stuck(f"gave up waiting: {what}")


def rss(pid):
    """kB of memory that a process has to itself"""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(n) for n in re.findall(r"Private_\w+: +(\d+)",
                                              f.read()))


def state(pid):
    """its letter; that of a zombie when it is gone"""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def alive(pid):
    return state(pid) != "Z"


def sockets(pid):
    """inodes of those that a process has"""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue            # closed meanwhile
        if target.startswith("socket:"):
            found.add(target[8:-1])
    return found


def tcp():
    """(ours, theirs, state, bytes to be read, inode) of each IPv4 socket"""
    with open("/proc/net/tcp") as f:
        for line in list(f)[1:]:
            fields = line.split()
            yield (int(fields[1].split(":")[1], 16),
                   int(fields[2].split(":")[1], 16), int(fields[3], 16),
                   int(fields[4].split(":")[1], 16), fields[9])


class Redis:
    def __init__(self, name, *options, port=None):
        self.dir = os.path.join(WORK, name)
        os.makedirs(self.dir)
        self.port = port or free_port()
        self.options = options
        self.process = None
        self.killed = 0         # when
        self.start()
        running.append(self)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        with open(os.path.join(self.dir, "log"), "a") as log:
            self.process = subprocess.Popen(
                ["redis-server", *self.config(), "--port", str(self.port),
                 "--bind", "127.0.0.1", "--dir", self.dir, "--save", "",
                 *self.options], stdout=log, stderr=log)

    def config(self):
        return []

    def cmd(self, *args):
        return subprocess.run(
            ["redis-cli", "-p", str(self.port), *args], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.strip()

    def ready(self):
        wait_for("Redis", lambda: self.cmd("PING") == "PONG", 60)
        return self

    def kill9(self):
        self.killed = time.time()
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.kill9()


class Sentinel(Redis):
    """watches the primary at a port under the name of "main" """

    def __init__(self, name, primary, quorum):
        self.primary = primary
        self.quorum = quorum
        super().__init__(name)

    def config(self):
        path = os.path.join(self.dir, "sentinel.conf")
        if not os.path.exists(path):
            with open(path, "w") as f:
                f.write(f"sentinel monitor main 127.0.0.1 {self.primary} "
                        f"{self.quorum}\n"
                        "sentinel down-after-milliseconds main 2000\n"
                        "sentinel failover-timeout main 5000\n")
        return [path, "--sentinel"]

    def primary_port(self):
        out = self.cmd("SENTINEL", "get-master-addr-by-name", "main").split()
        return int(out[1]) if len(out) == 2 and out[1].isdigit() else None


class Cluster:
    """3 primaries, each with two replicas"""

    NODE_TIMEOUT = 2000

    def __init__(self, name, shards):
        self.shards = shards
        self.nodes = [Redis(
            f"{name}-{i}", "--cluster-enabled", "yes",
            "--cluster-port", str(free_port()),
            "--cluster-node-timeout", str(self.NODE_TIMEOUT),
            "--cluster-require-full-coverage", "no",
            "--repl-diskless-sync-delay", "0") for i in range(9)]
        addresses = [f"127.0.0.1:{n.ready().port}" for n in self.nodes]
        self.url = "cluster://" + ",".join(addresses)
        sh("redis-cli", "--cluster", "create", *addresses,
           "--cluster-replicas", "2", "--cluster-yes")
        wait_for("the cluster", self.settled, 60)
        self.slots = [int(self.nodes[0].cmd("CLUSTER", "KEYSLOT", f"{{{i}}}"))
                      for i in range(shards)]

    def settled(self):
        """whether all six replicas have the state of their primaries"""
        said = [n.cmd("INFO", "replication") for n in self.nodes]
        return (sum("role:master" in s for s in said) == 3
                and sum(s.count("state=online") for s in said) == 6
                and all("cluster_state:ok" in n.cmd("CLUSTER", "INFO")
                        for n in self.nodes))

    def primary(self, wid):
        """the node that has a workspace: its id begins with its shard"""
        slot = self.slots[(int(wid[:4], 16) >> 6) % self.shards]
        for line in self.nodes[0].cmd("CLUSTER", "NODES").splitlines():
            fields = line.split()
            port = int(fields[1].split("@")[0].split(":")[1])
            for part in fields[8:]:
                first, _, last = part.partition("-")
                if int(first) <= slot <= int(last or first):
                    return next(n for n in self.nodes if n.port == port)
        raise Stuck(f"nobody has slot {slot}")


class Nginx:
    """one node; the text of conf goes into http{}"""

    def __init__(self, name, redis, workers=2, conf="", env=None,
                 shards=SHARDS):
        self.dir = os.path.join(WORK, name)
        os.makedirs(os.path.join(self.dir, "temp"))
        self.port = free_port()
        self.env = dict(os.environ, **(env or {}))
        self.env.pop("NGINX", None)
        temps = "".join(f"{t}_temp_path temp/{t};\n" for t in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))

        # what a binary upgrade hands on to sanitizers; libfaketime reads its
        # own again after ten seconds

        keep = "".join(f"env {name};\n" for name in
                       ("LD_PRELOAD", "FAKETIME", "DONT_FAKE_MONOTONIC",
                        "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"))
        with open(os.path.join(self.dir, "nginx.conf"), "w") as f:
            f.write(f"""load_module {MODULE};
worker_processes {workers};
worker_rlimit_nofile 65536;
pid pid;
error_log error.log notice;
{keep}events {{ worker_connections 20000; }}
http {{
{temps}access_log off;
workspace_redis {redis};
workspace_shards {shards};
{conf}
server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    location / {{ workspace_api; }}
}}
}}
""")
        self.nginx()
        running.append(self)
        wait_for("nginx", lambda: self.pid() and self.workers())

    def nginx(self, *args):
        subprocess.run([NGINX, "-p", self.dir, "-c", "nginx.conf", "-e",
                        "error.log", *args], check=True, env=self.env)

    def pid(self):
        try:
            with open(os.path.join(self.dir, "pid")) as f:
                return int(f.read())
        except (OSError, ValueError):
            return None

    def workers(self, master=None):
        pid = master or self.pid()
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as f:
                children = [int(p) for p in f.read().split()]
        except OSError:
            return []
        return [p for p in children if alive(p) and self.is_worker(p)]

    @staticmethod
    def is_worker(pid):
        if VALGRIND:
            return True         # processes have no titles there
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                return f.read().startswith("nginx: worker")
        except OSError:
            return False

    def kill9(self, worker):
        """the ports of its clients; stopped first, it takes no more"""
        os.kill(worker, signal.SIGSTOP)
        wait_for("a worker to stop", lambda: state(worker) in "TtZ")
        its = sockets(worker) if state(worker) != "Z" else set()
        clients = {theirs for ours, theirs, _, _, inode in tcp()
                   if inode in its and ours == self.port}
        os.kill(worker, signal.SIGKILL)
        return clients

    def reload(self):
        os.kill(self.pid(), signal.SIGHUP)

    def said(self, pattern):
        with open(os.path.join(self.dir, "error.log"), errors="replace") as f:
            return [line for line in f if re.search(pattern, line)]

    def stop(self):
        pid = self.pid()
        if pid and alive(pid):
            os.kill(pid, signal.SIGTERM)
            wait_for("nginx to stop", lambda: not alive(pid))


def stop_all():
    while running:
        try:
            running.pop().stop()
        except Stuck as e:
            print(e)


class Deployment:
    """an organization, a template, users with tokens"""

    def __init__(self, url, users, shards=SHARDS):
        self.shards = shards
        self.use(url)
        ctl = self.ctl
        self.org = ctl("org", "create", "acme")
        self.template = ctl("template", "create", "--org", "acme", "docker")
        ctl("version", "create", "--template", "docker", "v1", "--promote")
        self.tokens = []
        for i in range(users):
            ctl("user", "create", f"u{i}", "--org", "acme")
            self.tokens.append(ctl("token", "create", f"u{i}"))

    def use(self, url):
        self.url = url

    def ctl(self, *args):
        return sh(WSCTL, "--redis", self.url, "--shards", str(self.shards),
                  *args).strip()

    def check(self):
        """what wsctl check complains of; "" if nothing"""
        try:
            self.ctl("check")
            return ""
        except subprocess.CalledProcessError as e:
            return e.stdout or "failed"
