# SPDX-License-Identifier: MIT
"""The few requests of Kafka's protocol that tests need, over a plain socket: a Java tool takes a second
for each of them. Requests and their layouts: https://kafka.apache.org/protocol.html; the versions used
here are the newest without tagged fields, and known to brokers from 2.4 to 4.x.
"""
import socket
import struct

LIST_OFFSETS, METADATA, OFFSET_FETCH, CREATE_TOPICS, DELETE_TOPICS, CREATE_PARTITIONS = 2, 3, 9, 19, 20, 37
TIMEOUT_MS = 30_000
LATEST = -1
READ_COMMITTED = 1

NAMES = {
    3: "UNKNOWN_TOPIC_OR_PARTITION", 7: "REQUEST_TIMED_OUT", 17: "INVALID_TOPIC_EXCEPTION",
    36: "TOPIC_ALREADY_EXISTS", 37: "INVALID_PARTITIONS", 38: "INVALID_REPLICATION_FACTOR",
    40: "INVALID_CONFIG", 41: "NOT_CONTROLLER",
}


class KafkaError(Exception):
    def __init__(self, code, what):
        super().__init__(f"{what}: {NAMES.get(code, 'error')} ({code})")
        self.code = code


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, layout):
        values = struct.unpack_from(">" + layout, self.data, self.at)
        self.at += struct.calcsize(">" + layout)
        return values[0]

    def string(self):
        length = self.take("h")
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def array(self, element):
        return [element() for _ in range(self.take("i"))]


class Connection:
    """One request at a time. Raises OSError when the broker is not there or goes away."""

    def __init__(self, port, timeout):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.correlation = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, key, version, body):
        self.correlation += 1
        message = struct.pack(">hhi", key, version, self.correlation) + string("millrace-tests") + body
        self.socket.sendall(struct.pack(">i", len(message)) + message)
        answer = Reader(self.exactly(struct.unpack(">i", self.exactly(4))[0]))
        if answer.take("i") != self.correlation:
            raise ConnectionError("an answer to something that was not asked")
        return answer

    def exactly(self, count):
        data = bytearray()
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("the broker closed the connection")
            data += piece
        return bytes(data)

    def metadata(self):
        """(ids of brokers, id of the controller or -1, {topic: [leader of each partition or -1]})"""
        answer = self.ask(METADATA, 5, struct.pack(">ib", -1, 0))
        answer.take("i")  # how long the request was held back
        brokers = answer.array(lambda: (answer.take("i"), answer.string(), answer.take("i"), answer.string())[0])
        answer.string()  # the cluster
        controller = answer.take("i")

        def partition():
            answer.take("h")
            index, leader = answer.take("i"), answer.take("i")
            for _ in ("replicas", "in sync", "offline"):
                answer.array(lambda: answer.take("i"))
            return index, leader

        def topic():
            answer.take("h")
            name = answer.string()
            answer.take("b")
            return name, [leader for _, leader in sorted(answer.array(partition))]

        return brokers, controller, dict(answer.array(topic))

    def create_topic(self, name, partitions, configs):
        settings = array([string(key) + string(str(value)) for key, value in configs.items()])
        topic = string(name) + struct.pack(">ih", partitions, 1) + array([]) + settings
        answer = self.ask(CREATE_TOPICS, 4, array([topic]) + struct.pack(">ib", TIMEOUT_MS, 0))
        answer.take("i")
        for _, code, message in answer.array(lambda: (answer.string(), answer.take("h"), answer.string())):
            if code:
                raise KafkaError(code, f"topic {name} cannot be created" + (f" ({message})" if message else ""))

    def delete_topic(self, name):
        answer = self.ask(DELETE_TOPICS, 3, array([string(name)]) + struct.pack(">i", TIMEOUT_MS))
        answer.take("i")
        for _, code in answer.array(lambda: (answer.string(), answer.take("h"))):
            if code:
                raise KafkaError(code, f"topic {name} cannot be deleted")

    def add_partitions(self, name, total):
        topic = string(name) + struct.pack(">ii", total, -1)
        answer = self.ask(CREATE_PARTITIONS, 1, array([topic]) + struct.pack(">ib", TIMEOUT_MS, 0))
        answer.take("i")
        for _, code, message in answer.array(lambda: (answer.string(), answer.take("h"), answer.string())):
            if code:
                raise KafkaError(code, f"topic {name} cannot get {total} partitions ({message})")

    def ends(self, topic, partitions):
        """What committed readers may read up to, of each partition."""
        asked = array([struct.pack(">iq", index, LATEST) for index in range(partitions)])
        answer = self.ask(LIST_OFFSETS, 2, struct.pack(">ib", -1, READ_COMMITTED) + array([string(topic) + asked]))
        answer.take("i")

        def partition():
            index, code = answer.take("i"), answer.take("h")
            answer.take("q")  # the timestamp
            return index, code, answer.take("q")

        return self.offsets_of(answer.array(lambda: (answer.string(), answer.array(partition))), f"the ends of {topic}")

    def committed(self, group, topic, partitions):
        """Where the group stands in each partition; -1: nowhere yet. Only of a cluster of one broker."""
        asked = array([struct.pack(">i", index) for index in range(partitions)])
        answer = self.ask(OFFSET_FETCH, 3, string(group) + array([string(topic) + asked]))
        answer.take("i")

        def partition():
            index, offset = answer.take("i"), answer.take("q")
            answer.string()  # the metadata
            return index, answer.take("h"), offset

        return self.offsets_of(answer.array(lambda: (answer.string(), answer.array(partition))), f"the offsets of {group}")

    @staticmethod
    def offsets_of(topics, what):
        found = [each for _, each_topic in topics for each in each_topic]
        for _, code, _ in found:
            if code:
                raise KafkaError(code, what)
        return [offset for _, _, offset in sorted(found)]
