# SPDX-License-Identifier: MIT
"""The command line of broker.py, and what `./dev kafka` runs. See docs/guides/kafka.md."""
import argparse
import os
import shutil
import subprocess
import sys

import artifacts
import supervise
from broker import Broker, BrokerError, PortTaken, prepared
from protocol import Connection, KafkaError


def key_value(separator):
    def parse(text):
        key, found, value = text.partition(separator)
        if not key or not found:
            raise argparse.ArgumentTypeError(f"{text!r} is not KEY{separator}VALUE")
        return key, value
    return parse


def number(lowest, highest):
    def parse(text):
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {lowest} to {highest}")
        return int(text)
    return parse


def directory():
    return os.path.realpath(os.path.join(artifacts.root(), "broker"))


def running():
    broker = Broker(directory())
    if not broker.pid:
        raise BrokerError("no broker is running (./dev kafka start)")
    broker.version = next((major for major, release in artifacts.releases().items()
                           if release == broker.state.get("release")), broker.version)
    return broker


def describe(broker):
    print(f"Apache Kafka {broker.state['release']} at {broker.bootstrap}, pid {broker.pid}, log {broker.log}")
    if broker.state["users"]:
        print(f"SASL over TLS at {broker.secure_bootstrap}; for each of {', '.join(broker.state['users'])}:")
        for key, value in broker.client_properties("NAME", "PASSWORD").items():
            print(f"  {key}={value}")


def start(arguments):
    users = dict(arguments.user)
    if arguments.fresh:
        broker = Broker(directory())
        broker.stop()
        shutil.rmtree(directory(), ignore_errors=True)
    broker = Broker(directory(), arguments.kafka, arguments.port, users, dict(arguments.set), arguments.heap_mb,
                    compilers="best", outlives=True)
    wanted = artifacts.releases().get(arguments.kafka)
    if not broker.pid:
        try:
            broker.start()
        except PortTaken as error:
            raise BrokerError(f"{error} (another port: ./dev kafka start --port PORT)") from None
        except BrokerError as error:
            raise BrokerError(f"{error} (to begin anew, without those data: ./dev kafka start --fresh)"
                              if "the data in" in str(error) else error) from None
    elif (broker.state.get("release"), broker.ports["CLIENTS"], broker.state.get("users")) != (
            wanted, arguments.port, users):
        describe(broker)
        raise BrokerError("it is running already, but not with this version, port and users (./dev kafka stop)")
    else:
        print("it is running already")
    describe(broker)


def stop(_):
    broker = Broker(directory())
    if broker.pid:
        broker.stop()
        print("stopped")
    else:
        print("no broker is running" + ("; the last one ended without being stopped" if broker.crashed else ""))


def status(_):
    broker = running()
    describe(broker)
    with open(f"/proc/{broker.pid}/status", encoding="utf-8") as file:
        resident = next((int(line.split()[1]) for line in file if line.startswith("VmRSS:")), 0)
    print(f"resident memory {resident // 1024} MiB, data {broker.data}")
    try:
        with Connection(broker.ports["CLIENTS"], timeout=5) as connection:
            topics = connection.metadata()[2]
    except OSError as error:
        raise BrokerError(f"its process is there, but does not answer: {error}") from None
    for name, leaders in sorted(topics.items()):
        print(f"topic {name}: partitions {len(leaders)}")


def topic(arguments):
    broker = running()
    if arguments.action == "create":
        broker.create_topic(arguments.name, arguments.partitions, dict(arguments.config))
    elif arguments.action == "grow":
        broker.add_partitions(arguments.name, arguments.partitions)
    elif arguments.action == "delete":
        broker.delete_topic(arguments.name)
    else:
        for name, leaders in sorted(broker.topics().items()):
            print(f"{name} {len(leaders)}")


def tool(arguments):
    broker = running()
    sys.exit(subprocess.call(broker.tool_command(arguments.name, *arguments.rest)))


def run(arguments):
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise BrokerError("run what? (run [FLAG...] -- COMMAND [ARGUMENT...])")
    sys.exit(supervise.run(Broker(version=arguments.kafka, users=dict(arguments.user)), command))


def fetch(arguments):
    kafka = prepared(arguments.kafka)
    print(f"Apache Kafka {kafka.release} is there: {len(kafka.classpath.split(':'))} jars")


def parser():
    top = argparse.ArgumentParser(prog="./dev kafka", description="Apache Kafka on this machine, for trying and tests.")
    commands = top.add_subparsers(dest="what", metavar="COMMAND", required=True)

    def command(name, function, text, version=False):
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(function=function)
        if version:
            known = artifacts.releases()
            added.add_argument("--kafka", choices=sorted(known), default=os.environ.get("MILLRACE_KAFKA_VERSION", "3"),
                               help="major version (default %(default)s): "
                               + ", ".join(f"{major} is {release}" for major, release in sorted(known.items())))
        return added

    def takes_users(added):
        added.add_argument("--user", type=key_value(":"), action="append", default=[], metavar="NAME:PASSWORD",
                           help="also listen for this user, by SASL over TLS (again for more users)")

    added = command("start", start, "start a broker on 127.0.0.1 that stays, with the data it had", version=True)
    added.add_argument("--port", type=number(1, 65535), default=9092, help="default %(default)s")
    added.add_argument("--fresh", action="store_true", help="stop one that runs, and begin without data")
    added.add_argument("--heap-mb", type=number(64, 65536), default=512, help="default %(default)s")
    added.add_argument("--set", type=key_value("="), action="append", default=[], metavar="KEY=VALUE",
                       help="a property of the broker")
    takes_users(added)
    command("stop", stop, "stop it; its data stay")
    command("status", status, "tell where it is, what it takes and which topics it has")

    actions = command("topic", topic, "create, grow, delete or list topics").add_subparsers(
        dest="action", metavar="ACTION", required=True)
    for action in ("create", "grow", "delete"):
        added = actions.add_parser(action)
        added.add_argument("name")
        if action != "delete":
            added.add_argument("--partitions", type=number(1, 10_000), required=action == "grow", default=1,
                               help="in all")
        if action == "create":
            added.add_argument("--config", type=key_value("="), action="append", default=[], metavar="KEY=VALUE")
    actions.add_parser("list")

    added = command("tool", tool, "run one of Kafka's tools (console-producer, console-consumer, consumer-groups, ...)")
    added.add_argument("name")
    added.add_argument("rest", nargs=argparse.REMAINDER, metavar="ARGUMENT")
    added = command("run", run, "run a command beside a broker of its own, which ends with it", version=True)
    takes_users(added)
    added.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    command("fetch", fetch, "fetch Kafka and prepare it, without starting any", version=True)
    return top


def main():
    arguments = parser().parse_args()
    try:
        arguments.function(arguments)
    except (BrokerError, KafkaError, artifacts.Missing, OSError) as error:
        sys.exit(f"kafka: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
