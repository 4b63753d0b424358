# SPDX-License-Identifier: MIT
"""The numbered example on Kafka: what it writes to its topic, and that it writes it once."""
import subprocess
import sys
import tempfile
import unittest

from broker import Broker

PROGRAM = sys.argv.pop()


def kcat(broker, *arguments, given=None):
    return subprocess.run(["kcat", "-q", "-b", broker.bootstrap, *arguments], input=given, text=True, capture_output=True,
                          check=True).stdout


class TheExample(unittest.TestCase):
    def test_totals_are_written_once(self):
        with Broker() as broker, tempfile.TemporaryDirectory() as folder:
            broker.create_topic("orders", 2)
            broker.create_topic("totals", 1)
            self.order(broker, [("ann", 1, 250), ("bob", 2, 100), ("ann", 59, 50), ("ann", 61, 7)])
            wanted = ["ann 2025-12-12T10:00:00.000Z 300", "ann 2025-12-12T10:01:00.000Z 7", "bob 2025-12-12T10:00:00.000Z 100"]
            for _ in range(2):
                self.assertEqual(self.run_example(broker, folder), wanted)
            self.order(broker, [("bob", 300, 1)])
            self.assertEqual(self.run_example(broker, folder), wanted + ["bob 2025-12-12T10:05:00.000Z 1"])

    def order(self, broker, orders):
        for customer, second, cents in orders:
            kcat(broker, "-P", "-t", "orders", "-k", customer,
                 given=f'{{"at":"2025-12-12T10:{second // 60:02}:{second % 60:02}Z","customer":"{customer}","cents":{cents}}}')

    def run_example(self, broker, folder):
        """Runs it to the end of the orders; all totals there are then."""
        subprocess.run([PROGRAM, f"{folder}/state"], check=True, timeout=120,
                       env={"MILLRACE_KAFKA_BOOTSTRAP": broker.bootstrap})
        return sorted(kcat(broker, "-C", "-e", "-t", "totals", "-X", "isolation.level=read_committed", "-f", "%k %s\n").splitlines())


unittest.main()
