# SPDX-License-Identifier: MIT
"""Apache Kafka from Maven Central: the class path of each major version that pom.xml pins.

Maven keeps what it has fetched in ~/.m2, so only the first call on a machine needs the network. What
is worked out of it is kept in MILLRACE_KAFKA_DIR, or else in build/kafka of this repository.
"""
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as xml

HERE = os.path.dirname(os.path.abspath(__file__))
POM = os.path.join(HERE, "pom.xml")
MAVEN = "{http://maven.apache.org/POM/4.0.0}"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin"
OLDEST_JAVA = 17


class Missing(Exception):
    """Something this machine has to have is not there; the message says what to do about it."""


def root():
    return os.environ.get("MILLRACE_KAFKA_DIR") or os.path.join(HERE, "..", "..", "build", "kafka")


def releases():
    """{"3": "3.9.x", "4": "4.x.y"}: what there is to choose from."""
    found = {}
    for profile in xml.parse(POM).getroot().iter(MAVEN + "profile"):
        major = profile.findtext(MAVEN + "id").removeprefix("kafka-")
        found[major] = profile.findtext(f"{MAVEN}properties/{MAVEN}kafka.version")
    return found


def java():
    """The Java to run: of JAVA_HOME, else of the path."""
    home = os.environ.get("JAVA_HOME")
    path = os.path.join(home, "bin", "java") if home else shutil.which("java")
    if not path or not os.access(path, os.X_OK):
        raise Missing("there is no Java (Debian: apt-get install openjdk-17-jre-headless)")
    return path


def check_java(path):
    told = subprocess.run([path, "-version"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    if not version or int(version.group(1)) < OLDEST_JAVA:
        raise Missing(f"Kafka needs Java {OLDEST_JAVA} or newer, and {path} is: {told.splitlines()[:1]} "
                      "(Debian: apt-get install openjdk-17-jre-headless, then set JAVA_HOME)")


@contextlib.contextmanager
def locked(path):
    """Holds processes that prepare the same thing apart."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Kafka:
    """One release of Kafka, fetched and ready to be run."""

    def __init__(self, major):
        known = releases()
        if major not in known:
            raise Missing(f"no such version of Kafka: {major} (known: {', '.join(sorted(known))})")
        self.major = major
        self.release = known[major]
        self.directory = os.path.realpath(os.path.join(root(), self.release))
        os.makedirs(self.directory, exist_ok=True)
        self.java = java()
        with locked(os.path.join(self.directory, "fetch.lock")):
            self.classpath = self.known_classpath() or self.fetch()
        self.archive = os.path.join(self.directory, f"classes-{self.fingerprint()}.jsa")

    def known_classpath(self):
        with contextlib.suppress(FileNotFoundError):
            with open(self.classpath_file(), encoding="utf-8") as file:
                path = file.read().strip()
            if path and all(os.path.isfile(jar) for jar in path.split(":")):
                return path
        return None

    def classpath_file(self):
        """A name of its own for every pom: a class path of another one is never taken for this one's."""
        with open(POM, "rb") as file:
            return os.path.join(self.directory, f"classpath-{hashlib.sha256(file.read()).hexdigest()[:12]}")

    def fetch(self):
        check_java(self.java)
        maven = shutil.which("mvn")
        if not maven:
            raise Missing("Kafka is fetched with Maven, and there is none (Debian: apt-get install maven)")
        partial = self.classpath_file() + ".partial"
        result = subprocess.run(
            [maven, "-B", "-q", "-f", POM, "-P", f"kafka-{self.major}", PLUGIN + ":build-classpath",
             "-DincludeScope=runtime", f"-Dmdep.outputFile={partial}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            said = [line for line in result.stdout.splitlines() if "ERROR" in line]
            raise Missing(f"Maven could not fetch Kafka {self.release} from Maven Central; it said:\n"
                          + "\n".join(said[:3] or result.stdout.splitlines()[-10:]))
        os.rename(partial, self.classpath_file())
        path = self.known_classpath()
        if not path:
            raise Missing(f"Maven says that it has fetched Kafka {self.release}, but files are missing")
        return path

    def fingerprint(self):
        """Changes with what an archive of classes depends on: the Java and the jars."""
        facts = [self.classpath]
        for file in (os.path.realpath(self.java), *self.classpath.split(":")):
            status = os.stat(file)
            facts.append(f"{status.st_size} {status.st_mtime_ns}")
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]

    def command(self, main, *arguments, options=(), level="ERROR"):
        """The command line that runs a class. Java without its second compiler starts soonest."""
        archive = [f"-XX:SharedArchiveFile={self.archive}", "-Xshare:auto"] if os.path.isfile(self.archive) else []
        return [self.java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *archive, *options,
                f"-Dmillrace.log.level={level}",
                f"-Dlog4j.configuration=file:{os.path.join(HERE, 'log4j.properties')}",
                f"-Dlog4j2.configurationFile={os.path.join(HERE, 'log4j2.properties')}",
                "-cp", self.classpath, main, *arguments]
