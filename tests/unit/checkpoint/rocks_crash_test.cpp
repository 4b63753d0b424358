// SPDX-License-Identifier: MIT
// A process that keeps state in RocksDB, killed over and over.
#include <catch2/catch.hpp>

#include <millrace/checkpoint/checkpoint_reader.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "unit/checkpoint/rocks_model.hpp"

extern char** environ;

namespace millrace {
namespace {

using namespace test;

const std::vector<CataloguedState> kStates = {stateOf(0, "a"), stateOf(1, "b"), stateOf(2, "c")};
constexpr const char* kVictim = "a process that is killed";
constexpr const char* kDirectoryVariable = "MILLRACE_TEST_KILLED_DIRECTORY";
// Bring forward, and retain, after each commit, not beside.
constexpr const char* kRetainingVariable = "MILLRACE_TEST_KILLED_RETAINING";
constexpr int kCommitsTo = 3;  // where the victim tells what is committed

Epoch epochAt(std::uint64_t number) {
  Random random(number);
  return anyEpoch(random, number);
}

// One life of it.
class Victim {
 public:
  explicit Victim(const std::string& directory) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], kCommitsTo);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    REQUIRE(::setenv(kDirectoryVariable, directory.c_str(), 1) == 0);
    std::string program = "/proc/self/exe";
    std::string name = kVictim;
    char* const arguments[] = {program.data(), name.data(), nullptr};
    const int failed =
        ::posix_spawn(&process_, program.c_str(), &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    commits_ = ends[0];
    REQUIRE(failed == 0);
  }
  ~Victim() { kill(); }

  // Waits for one more commit. False: the process is no more.
  bool wait() { return ::read(commits_, &last_, sizeof last_) == sizeof last_; }

  // The last epoch it has told of.
  std::uint64_t kill() {
    if (process_ == 0) return last_;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
    while (wait()) {
    }
    ::close(commits_);
    return last_;
  }

 private:
  pid_t process_ = 0;
  int commits_ = -1;
  std::uint64_t last_ = 0;
};

TEST_CASE(kVictim, "[.]") {
  const char* directory = std::getenv(kDirectoryVariable);
  if (directory == nullptr) return;
  CheckpointStore::Options options = rocksOptions(directory);
  const bool retains = std::getenv(kRetainingVariable) != nullptr;
  if (retains) options.retained = 3;
  options.retainEvery = Duration(0);
  const auto store = CheckpointStore::open(posixFileSystem(), options);
  REQUIRE(store.ok());
  REQUIRE((*store)->begin(kStates).ok());
  std::thread background([&] {
    while (!retains && (*store)->bringForward().ok()) {
    }
  });
  for (std::uint64_t number = (*store)->found().epoch.number + 1;; ++number) {
    if (!(*store)->append(epochAt(number)).ok()) break;
    if (retains && !(*store)->bringForward().ok()) break;
    if (::write(kCommitsTo, &number, sizeof number) != sizeof number) break;
  }
  std::_Exit(1);
}

// Whatever is kept is whole.
std::size_t checkRetained(const std::string& directory) {
  const auto reader = CheckpointReader::open(posixFileSystem(), directory);
  REQUIRE(reader.ok());
  for (const std::uint64_t epoch : (*reader)->retained()) {
    Model model;
    while (model.epoch < epoch) model.apply(epochAt(model.epoch + 1));
    const auto kept = CheckpointReader::open(
        posixFileSystem(), directory + "/retained/" +
                               std::string(6 - std::to_string(epoch).size(), '0') +
                               std::to_string(epoch));
    INFO("epoch " << epoch << ": " << kept.status());
    REQUIRE(kept.ok());
    CHECK((*kept)->summary().epoch.number == epoch);
    CHECK(entriesOf(**kept) == model.entries);
  }
  return (*reader)->retained().size();
}

TEST_CASE(
    "A process that is killed at any moment has lost nothing of what it had committed to RocksDB",
    "[rocksdb]") {
  Scratch scratch;
  Random random(1);
  Model model;
  std::uint64_t lives = 0;
  for (; lives < 20; ++lives) {
    Victim victim(scratch / "state");
    for (std::uint64_t commits = random.below(60); commits > 0; --commits) REQUIRE(victim.wait());
    const std::uint64_t told = victim.kill();
    const auto store = CheckpointStore::open(posixFileSystem(), rocksOptions(scratch / "state"));
    INFO("life " << lives << ": " << store.status());
    REQUIRE(store.ok());
    const std::uint64_t found = (*store)->found().epoch.number;
    REQUIRE(found >= told);
    while (model.epoch < found) model.apply(epochAt(model.epoch + 1));
    REQUIRE(differences(**store, model.entries) == "");
  }
  REQUIRE(model.epoch > 10 * lives);
}

TEST_CASE("What a killed process has retained over RocksDB is whole", "[rocksdb]") {
  Scratch scratch;
  Random random(2);
  std::size_t retained = 0;
  REQUIRE(::setenv(kRetainingVariable, "1", 1) == 0);
  for (int lives = 0; lives < 12; ++lives) {
    Victim victim(scratch / "state");
    for (std::uint64_t commits = 2 + random.below(8); commits > 0; --commits)
      REQUIRE(victim.wait());
    victim.kill();
    retained += checkRetained(scratch / "state");
  }
  REQUIRE(::unsetenv(kRetainingVariable) == 0);
  CHECK(retained > 24);
}

}  // namespace
}  // namespace millrace
