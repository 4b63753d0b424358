# SPDX-License-Identifier: MIT
"""Certificates for a broker on this machine, made on the spot by openssl."""
import os
import shutil
import subprocess

from artifacts import Missing

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"]


def openssl(*arguments):
    tool = shutil.which("openssl")
    if not tool:
        raise Missing("TLS needs certificates made by openssl, and it is not there (Debian: apt-get install openssl)")
    result = subprocess.run([tool, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise Missing(f"openssl {arguments[0]} failed:\n{result.stdout}")


def make(directory):
    """ca.pem, which clients are to trust, and server.pem, the key and the certificate of 127.0.0.1."""
    os.makedirs(directory, mode=0o700)
    ca, ca_key, server, server_key, certificate = (
        os.path.join(directory, name) for name in ("ca.pem", "ca.key", "server.pem", "server.key", "server.crt"))
    openssl("req", "-x509", *NEW_KEY, "-subj", "/CN=Millrace test authority", "-keyout", ca_key, "-out", ca)
    openssl("req", "-x509", *NEW_KEY, "-subj", "/CN=localhost", "-CA", ca, "-CAkey", ca_key,
            "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", server_key, "-out", certificate)
    with open(server, "w", encoding="ascii") as joined:
        for part in (server_key, certificate):
            with open(part, encoding="ascii") as file:
                joined.write(file.read())
    return ca, server
