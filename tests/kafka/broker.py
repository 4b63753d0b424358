# SPDX-License-Identifier: MIT
"""A real Kafka broker for tests, on 127.0.0.1 only: one JVM that is broker and controller (KRaft).

    with Broker() as broker:                      # free ports, a directory that goes away with it
        broker.create_topic("events", partitions=4)
        subprocess.run([..., "--bootstrap", broker.bootstrap])
        broker.kill()                             # SIGKILL
        broker.start()                            # again, on the same data and ports

A broker dies with the thread that started it, even if that is killed, unless it `outlives` it. `start`
returns once the broker answers and every partition has a leader. Nothing here needs more than Python.
"""
import base64
import ctypes
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

import certificates
from artifacts import Kafka, locked
from protocol import Connection, KafkaError  # noqa: F401  KafkaError is for those who import this

PATIENCE_S = 120  # after which a broker that neither answers nor ends is given up
# Below the ports that the system hands to outgoing connections: what was free stays free for a restart.
PORTS = range(20_000, 32_000)
PORT_ATTEMPTS = 5

SETTINGS = {
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 2,
    "min.insync.replicas": 1,
    # Tests must not wait where nobody in production would notice.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 500,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
    "transaction.max.timeout.ms": 900_000,
    # How long the controller takes a killed broker to be alive, and lets no new one in: 9 s by default.
    "broker.session.timeout.ms": 2_000,
    "broker.heartbeat.interval.ms": 500,
    "log.segment.delete.delay.ms": 1_000,
    # Small: a broker of this kind has few topics and few clients.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 1,
    "background.threads": 2,
    "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
    "log.index.size.max.bytes": 1024 * 1024,
}

# What runs each of Kafka's tools, in version 3 and 4, and whether it wants to know where the broker is.
TOOLS = {
    "console-producer": ("kafka.tools.ConsoleProducer", "org.apache.kafka.tools.ConsoleProducer", True),
    "console-consumer": ("org.apache.kafka.tools.consumer.ConsoleConsumer",) * 2 + (True,),
    "consumer-groups": ("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",) * 2 + (True,),
    "topics": ("org.apache.kafka.tools.TopicCommand",) * 2 + (True,),
    "configs": ("kafka.admin.ConfigCommand",) * 2 + (True,),
    "acls": ("kafka.admin.AclCommand",) * 2 + (True,),
    "get-offsets": ("org.apache.kafka.tools.GetOffsetShell",) * 2 + (True,),
    "delete-records": ("org.apache.kafka.tools.DeleteRecordsCommand",) * 2 + (True,),
    "transactions": ("org.apache.kafka.tools.TransactionsCommand",) * 2 + (True,),
    "dump-log": ("kafka.tools.DumpLogSegments", "org.apache.kafka.tools.DumpLogSegments", False),
    "producer-perf-test": ("org.apache.kafka.tools.ProducerPerformance",) * 2 + (False,),
    "consumer-perf-test": ("org.apache.kafka.tools.ConsumerPerformance",) * 2 + (True,),
}


class BrokerError(Exception):
    pass


class PortTaken(BrokerError):
    pass


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Between fork and exec: the end of the thread that forked, however it comes, is SIGKILL to the child."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: yesterday's connections do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(taken=()):
    while True:
        port = random.choice(PORTS)
        if port not in taken and is_free(port):
            return port


def started_at(pid):
    """When the process began, in ticks since boot: with the pid its name for ever. None: there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def thread_states(pid):
    states = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8") as file:
                states.append(file.read().rpartition(")")[2].split()[0])
        except OSError:
            pass  # it has just ended
    return states


class Broker:
    """What is on disk below `directory` decides: two objects of one directory speak of one broker.

    version: "3" or "4", default MILLRACE_KAFKA_VERSION or "3". port: default a free one. users:
    {name: password}, who may come in by SASL (SCRAM or PLAIN) over TLS at `secure_bootstrap`; `bootstrap`
    stays open to all. librdkafka before 2.6.1 gets a detail of SCRAM wrong that Kafka 3 lets pass and Kafka 4
    refuses (confluentinc/librdkafka pull request 4895): to such a pair only PLAIN is open. settings: more of server.properties. compilers: "quick" starts soonest, "best" runs fastest.
    """

    def __init__(self, directory=None, version=None, port=None, users=None, settings=None, heap_mb=512,
                 compilers="quick", outlives=False):
        self.scratch = directory is None
        self.directory = os.path.realpath(directory or tempfile.mkdtemp(prefix="millrace-kafka-"))
        self.version = version or os.environ.get("MILLRACE_KAFKA_VERSION") or "3"
        self.port = port
        self.users = dict(users or {})
        self.settings = dict(settings or {})
        self.options = [f"-Xmx{heap_mb}m"] + (["-XX:TieredStopAtLevel=4"] if compilers == "best" else [])
        self.outlives = outlives
        self.process = None
        self.kafka = None
        self.ports = {}
        self.load()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Kills it, which is quick, and removes the directory if it was made for this broker."""
        self.kill()
        if self.scratch:
            shutil.rmtree(self.directory, ignore_errors=True)

    # What it is.

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.ports['CLIENTS']}"

    @property
    def secure_bootstrap(self):
        return f"127.0.0.1:{self.ports['SECURE']}"

    @property
    def log(self):
        return os.path.join(self.directory, "broker.log")

    @property
    def data(self):
        return os.path.join(self.directory, "data")

    @property
    def ca(self):
        return os.path.join(self.directory, "tls", "ca.pem")

    def path(self, name):
        return os.path.join(self.directory, name)

    def load(self):
        try:
            with open(self.path("broker.json"), encoding="utf-8") as file:
                self.state = json.load(file)
        except FileNotFoundError:
            self.state = {}
        self.ports = dict(self.state.get("ports", {}))

    def save(self, **changes):
        self.state.update(changes)
        with open(self.path("broker.json.new"), "w", encoding="utf-8") as file:
            json.dump(self.state, file, indent=1)
        os.rename(self.path("broker.json.new"), self.path("broker.json"))

    @property
    def pid(self):
        """Of the running broker; None when there is none, whatever an old note says."""
        pid = self.state.get("pid")
        return pid if pid and started_at(pid) == self.state.get("started") else None

    @property
    def crashed(self):
        """Whether it ended without being stopped or killed by us."""
        return bool(self.state.get("pid")) and not self.pid

    def client_properties(self, user, password, mechanism="SCRAM-SHA-512"):
        """What librdkafka has to be told to come in as this user."""
        return {"bootstrap.servers": self.secure_bootstrap, "security.protocol": "SASL_SSL",
                "ssl.ca.location": self.ca, "sasl.mechanism": mechanism,
                "sasl.username": user, "sasl.password": password}

    def java_properties(self, user, password, mechanism="SCRAM-SHA-512"):
        """The same for Kafka's own tools: a file of properties."""
        path = self.path(f"client-{uuid.uuid4().hex}.properties")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"security.protocol=SASL_SSL\nsasl.mechanism={mechanism}\nssl.truststore.type=PEM\n"
                       f"ssl.truststore.location={self.ca}\nsasl.jaas.config=org.apache.kafka.common.security.scram."
                       f'ScramLoginModule required username="{user}" password="{password}";\n')
        return path

    # Its life.

    def start(self):
        """Starts it, for the first time or again, and returns once it answers."""
        os.makedirs(self.directory, exist_ok=True)
        with locked(self.path("lock")):
            self.load()
            if self.pid:
                raise BrokerError(f"a broker is running in {self.directory} already (pid {self.pid})")
            self.kafka = self.kafka or prepared(self.version)
            made_by = self.state.get("release", self.kafka.release)
            if made_by != self.kafka.release:
                raise BrokerError(f"the data in {self.directory} are of Kafka {made_by}, not {self.kafka.release}")
            if self.users != self.state.get("users", self.users):
                raise BrokerError(f"the data in {self.directory} were made for other users")
            for attempt in range(PORT_ATTEMPTS):
                try:
                    self.choose_ports()
                    self.launch()
                    return self
                except PortTaken:
                    # Somebody was quicker. A port that clients know, or that was asked for, cannot be changed.
                    if self.port or "release" in self.state or attempt + 1 == PORT_ATTEMPTS:
                        raise
                    self.ports = {}
        return self

    def choose_ports(self):
        if self.port:
            self.ports["CLIENTS"] = self.port
        for listener in ("CLIENTS", "CONTROLLER") + (("SECURE",) if self.users else ()):
            port = self.ports.setdefault(listener, free_port(self.ports.values()))
            if not is_free(port):
                raise PortTaken(f"something else listens on 127.0.0.1:{port}")

    def launch(self):
        self.write_properties()
        if "release" not in self.state:
            self.format()
        with open(self.log, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                self.kafka.command("kafka.Kafka", self.path("server.properties"), options=self.options, level="INFO"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.directory,
                preexec_fn=None if self.outlives else die_with_parent)
        try:
            self.save(pid=self.process.pid, started=started_at(self.process.pid), ports=self.ports)
            self.wait_until_ready(begin)
            self.save(release=self.kafka.release, users=self.users)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def write_properties(self):
        listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in self.ports.items())
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.ports['CONTROLLER']}",
            "listeners": listeners,
            "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "CLIENTS",
            "log.dirs": self.data,
            **SETTINGS,
        }
        if self.users:
            settings.update({
                "sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": self.path("tls/server.pem"),
            })
            for mechanism in ("256", "512"):
                settings[f"listener.name.secure.scram-sha-{mechanism}.sasl.jaas.config"] = (
                    "org.apache.kafka.common.security.scram.ScramLoginModule required;")
            known = " ".join(f'user_{user}="{password}"' for user, password in self.users.items())
            settings["listener.name.secure.plain.sasl.jaas.config"] = (
                f"org.apache.kafka.common.security.plain.PlainLoginModule required {known};")
        settings.update(self.settings)
        with open(self.path("server.properties"), "w", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in settings.items())

    def format(self):
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.path("tls"), ignore_errors=True)
        credentials = []
        if self.users:
            certificates.make(self.path("tls"))
            for user, password in self.users.items():
                for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                    credentials += ["--add-scram", f'{mechanism}=[name="{user}",password="{password}"]']
        result = subprocess.run(
            self.kafka.command("kafka.tools.StorageTool", "format", "--cluster-id", cluster_id(),
                               "--config", self.path("server.properties"), *credentials),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=die_with_parent)
        if result.returncode != 0:
            raise BrokerError(f"Kafka could not format its storage:\n{result.stdout}")

    def wait_until_ready(self, log_begin):
        deadline = time.monotonic() + PATIENCE_S
        while not self.is_ready():
            if self.process.poll() is not None:
                said = self.log_tail(log_begin)
                taken = "Address already in use" in said
                raise (PortTaken if taken else BrokerError)(f"the broker ended at its start; it said:\n{said}")
            if time.monotonic() > deadline:
                raise BrokerError(f"the broker has not answered for {PATIENCE_S} s; it said:\n"
                                  + self.log_tail(log_begin))
            time.sleep(0.01)  # between two questions

    def is_ready(self):
        """Whether it answers, and leads all partitions it has."""
        try:
            with Connection(self.ports["CLIENTS"], timeout=1) as connection:
                brokers, controller, topics = connection.metadata()
        except OSError:
            return False
        return bool(brokers) and controller >= 0 and all(-1 not in leaders for leaders in topics.values())

    def log_tail(self, begin=0, lines=40):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            file.seek(begin)
            return "".join(file.readlines()[-lines:])

    def signal(self, number):
        """Whether there was a broker to send it to."""
        pid = self.pid
        if pid is None:
            return False
        os.kill(pid, number)
        return True

    def wait_until_gone(self, seconds=None):
        """Whether it has ended."""
        if self.process:
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                return False
            self.process = None
        elif not self.wait_for_stranger(seconds):
            return False
        if self.state.get("pid"):
            self.save(pid=None)
        return True

    def wait_for_stranger(self, seconds):
        """As wait_until_gone, for a broker that another process has started."""
        pid = self.pid
        if pid is None:
            return True
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            ended = select.poll()
            ended.register(descriptor, select.POLLIN)
            return self.pid is None or bool(ended.poll(None if seconds is None else seconds * 1000))
        finally:
            os.close(descriptor)

    def kill(self):
        """As a crash: nothing is flushed or told. Harmless when it does not run."""
        self.signal(signal.SIGKILL)
        self.wait_until_gone()

    def stop(self):
        """Asks it to end in good order. Harmless when it does not run."""
        if self.signal(signal.SIGTERM):
            self.resume()  # a stopped process does not hear
            if not self.wait_until_gone(PATIENCE_S):
                self.kill()
                raise BrokerError(f"the broker did not end when asked for {PATIENCE_S} s, and was killed")

    def restart(self):
        self.stop()
        return self.start()

    def pause(self):
        """SIGSTOP: it holds its connections and answers nothing. Returns once none of its threads runs."""
        pid = self.pid
        self.signal(signal.SIGSTOP)
        while pid and pid == self.pid and not all(state in "TX" for state in thread_states(pid)):
            time.sleep(0.001)

    def resume(self):
        self.signal(signal.SIGCONT)

    # Topics.

    def connection(self):
        return Connection(self.ports["CLIENTS"], timeout=60)

    def topics(self):
        """{name: [leader of each partition]}"""
        with self.connection() as connection:
            return connection.metadata()[2]

    def create_topic(self, name, partitions=1, configs=None):
        with self.connection() as connection:
            connection.create_topic(name, partitions, configs or {})
            self.await_topic(connection, name, partitions)

    def add_partitions(self, name, total):
        with self.connection() as connection:
            connection.add_partitions(name, total)
            self.await_topic(connection, name, total)

    def delete_topic(self, name):
        with self.connection() as connection:
            connection.delete_topic(name)
            self.await_topic(connection, name, None)

    @staticmethod
    def await_topic(connection, name, partitions):
        """The controller has decided; the broker follows in a moment."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            leaders = connection.metadata()[2].get(name)
            if partitions is None and leaders is None:
                return
            if partitions and leaders and len(leaders) == partitions and -1 not in leaders:
                return
            if time.monotonic() > deadline:
                raise BrokerError(f"topic {name} has not come to be as asked for {PATIENCE_S} s")
            time.sleep(0.005)

    # Kafka's own tools.

    def tool_command(self, name, *arguments):
        if name not in TOOLS:
            raise BrokerError(f"no such tool: {name} (known: {', '.join(sorted(TOOLS))})")
        self.kafka = self.kafka or prepared(self.version)
        *classes, asks_broker = TOOLS[name]
        if asks_broker and "--bootstrap-server" not in arguments:
            arguments = ("--bootstrap-server", self.bootstrap, *arguments)
        return self.kafka.command(classes[0 if self.kafka.major == "3" else 1], *arguments, options=["-Xmx256m"])

    def run_tool(self, name, *arguments, input=""):
        """One of Kafka's tools, by its name less `kafka-`: its CompletedProcess, whatever became of it."""
        return subprocess.run(self.tool_command(name, *arguments), input=input, capture_output=True, text=True,
                              preexec_fn=die_with_parent)

    def tool(self, name, *arguments, input=""):
        """As run_tool, but it has to succeed: what it printed."""
        result = self.run_tool(name, *arguments, input=input)
        if result.returncode != 0:
            raise BrokerError(f"kafka-{name} failed with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result.stdout


def cluster_id():
    """22 characters of base64, which must not begin as a flag would."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def prepared(version):
    """Kafka, fetched, with an archive of its classes: read instead of the jars, they take a third of the time."""
    kafka = Kafka(version)
    if os.path.isfile(kafka.archive):
        return kafka
    with locked(os.path.join(kafka.directory, "archive.lock")):
        if not os.path.isfile(kafka.archive):
            write_archive(kafka)
    return kafka


def write_archive(kafka):
    """Java writes down at its end what it has loaded, so a broker has to live once through what tests do."""
    partial = kafka.archive + ".partial"
    broker = Broker(version=kafka.major)
    broker.kafka = kafka
    broker.options.append(f"-XX:ArchiveClassesAtExit={partial}")
    with broker:
        broker.create_topic("events")
        broker.tool("console-producer", "--topic", "events", input="an event\n")
        broker.tool("console-consumer", "--topic", "events", "--from-beginning", "--max-messages", "1")
        broker.stop()
    os.rename(partial, kafka.archive)
