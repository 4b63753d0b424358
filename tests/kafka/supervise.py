# SPDX-License-Identifier: MIT
"""Runs a command beside a broker of its own: how a test that is not written in Python gets one.

The command finds in its environment
  MILLRACE_KAFKA_BOOTSTRAP         127.0.0.1:port
  MILLRACE_KAFKA_CONTROL           a Unix socket that takes a line and answers `ok` or `error: ...`:
                                   kill, start, stop, restart, pause, resume, topic NAME PARTITIONS [KEY=VALUE...]
  MILLRACE_KAFKA_SECURE_BOOTSTRAP  with users: the address that wants SASL over TLS
  MILLRACE_KAFKA_CA                with users: the certificate to trust
Command and broker die with this process; the socket is served by the thread that starts both.
"""
import os
import selectors
import socket
import subprocess
import sys

from broker import BrokerError, KafkaError, die_with_parent


def environment(broker, control):
    told = dict(os.environ, MILLRACE_KAFKA_BOOTSTRAP=broker.bootstrap, MILLRACE_KAFKA_CONTROL=control)
    if broker.users:
        told.update(MILLRACE_KAFKA_SECURE_BOOTSTRAP=broker.secure_bootstrap, MILLRACE_KAFKA_CA=broker.ca)
    return told


def obey(broker, line):
    word, *arguments = line.split() or [""]
    if word in ("kill", "start", "stop", "restart", "pause", "resume") and not arguments:
        getattr(broker, word)()
    elif word == "topic" and len(arguments) >= 2:
        name, partitions, *configs = arguments
        broker.create_topic(name, int(partitions), dict(config.split("=", 1) for config in configs))
    else:
        raise BrokerError(f"not understood: {line!r}")


def answer(broker, connection):
    with connection, connection.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            try:
                obey(broker, line)
                lines.write("ok\n")
            except (BrokerError, KafkaError, OSError, ValueError) as error:
                lines.write("error: " + " ".join(str(error).split()) + "\n")
            lines.flush()


def run(broker, command):
    """The command's exit status, as a shell would tell it."""
    path = broker.path("control")
    with broker, socket.socket(socket.AF_UNIX) as control, selectors.DefaultSelector() as waiting:
        control.bind(path)
        control.listen()
        process = subprocess.Popen(command, env=environment(broker, path), preexec_fn=die_with_parent)
        ended = os.pidfd_open(process.pid)
        waiting.register(control, selectors.EVENT_READ)
        waiting.register(ended, selectors.EVENT_READ)
        while process.poll() is None:
            if control in [key.fileobj for key, _ in waiting.select()]:
                try:
                    answer(broker, control.accept()[0])
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the command is gone, or does not want to know
        os.close(ended)
        if process.returncode != 0:
            print(f"the broker's last words:\n{broker.log_tail()}", file=sys.stderr)
        return process.returncode if process.returncode >= 0 else 128 - process.returncode
