// SPDX-License-Identifier: MIT
// A disk under RocksDB that is full, or fails.
#include <catch2/catch.hpp>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "checkpoint/rocks_base.hpp"
#include "unit/checkpoint/rocks_model.hpp"

namespace millrace {
namespace {

using namespace test;
using rocksdb::FileOptions;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

const std::vector<CataloguedState> kStates = {stateOf(0, "a"), stateOf(1, "b"), stateOf(2, "c")};
constexpr std::uint64_t kEpochs = 12;

// From which writing operation on, and for how many, the disk says what.
struct Trouble {
  std::atomic<std::uint64_t> operations{0};
  std::atomic<std::uint64_t> from{~std::uint64_t{0}};
  std::atomic<std::uint64_t> to{~std::uint64_t{0}};
  std::atomic<bool> isFull{true};
  std::atomic<bool> failsReads{false};
  std::atomic<std::uint64_t> hits{0};

  IOStatus next() {
    const std::uint64_t now = operations.fetch_add(1);
    if (now < from || now >= to) return IOStatus::OK();
    ++hits;
    return isFull ? IOStatus::NoSpace("there is no room") : IOStatus::IOError("the disk is broken");
  }
};

class TroubledFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  TroubledFile(std::unique_ptr<FSWritableFile>&& file, Trouble& trouble)
      : FSWritableFileOwnerWrapper(std::move(file)), trouble_(trouble) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* context) override {
    const IOStatus status = trouble_.next();
    return status.ok() ? FSWritableFileOwnerWrapper::Append(data, options, context) : status;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* context) override {
    const IOStatus status = trouble_.next();
    return status.ok() ? FSWritableFileOwnerWrapper::Sync(options, context) : status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    return Sync(options, context);
  }

 private:
  Trouble& trouble_;
};

class TroubledReads final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  TroubledReads(std::unique_ptr<rocksdb::FSRandomAccessFile>&& file, Trouble& trouble)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), trouble_(trouble) {}

  IOStatus Read(std::uint64_t offset, std::size_t size, const IOOptions& options,
                rocksdb::Slice* result, char* scratch, IODebugContext* context) const override {
    if (trouble_.failsReads) return IOStatus::IOError("the disk is broken");
    return FSRandomAccessFileOwnerWrapper::Read(offset, size, options, result, scratch, context);
  }

 private:
  Trouble& trouble_;
};

class TroubledDisk final : public rocksdb::FileSystemWrapper {
 public:
  explicit TroubledDisk(Trouble& trouble)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), trouble_(trouble) {}

  const char* Name() const override { return "troubled"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* file,
                           IODebugContext* context) override {
    IOStatus status = trouble_.next();
    std::unique_ptr<FSWritableFile> opened;
    if (status.ok()) status = FileSystemWrapper::NewWritableFile(path, options, &opened, context);
    if (status.ok()) *file = std::make_unique<TroubledFile>(std::move(opened), trouble_);
    return status;
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext* context) override {
    std::unique_ptr<rocksdb::FSRandomAccessFile> opened;
    const IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, &opened, context);
    if (status.ok()) *file = std::make_unique<TroubledReads>(std::move(opened), trouble_);
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* context) override {
    const IOStatus status = trouble_.next();
    return status.ok() ? FileSystemWrapper::RenameFile(from, to, options, context) : status;
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* context) override {
    const IOStatus status = trouble_.next();
    return status.ok() ? FileSystemWrapper::LinkFile(from, to, options, context) : status;
  }

 private:
  Trouble& trouble_;
};

// A directory whose RocksDB is on a disk of this kind.
struct Place {
  Place() { checkpoint::RocksBase::environment() = environment.get(); }
  ~Place() { checkpoint::RocksBase::environment() = nullptr; }

  StatusOr<std::unique_ptr<CheckpointStore>> open() {
    return CheckpointStore::open(posixFileSystem(), rocksOptions(scratch / "state"));
  }

  // Appends epochs up to the last and brings each forward; what cannot be now is tried again with
  // the next.
  Status fill(CheckpointStore& store) {
    MILLRACE_RETURN_IF_ERROR(store.begin(kStates));
    for (std::uint64_t number = store.found().epoch.number + 1; number <= kEpochs; ++number) {
      Random random(number);
      const Epoch epoch = anyEpoch(random, number);
      MILLRACE_RETURN_IF_ERROR(store.append(epoch));
      model.apply(epoch);
      const Status brought = store.bringForward();
      if (absl::IsResourceExhausted(brought)) {
        ++refusals;
        CHECK(brought.message().find("(free some space)") != brought.message().npos);
        continue;
      }
      MILLRACE_RETURN_IF_ERROR(brought);
    }
    return absl::OkStatus();
  }

  Scratch scratch;
  Trouble trouble;
  std::unique_ptr<rocksdb::Env> environment =
      rocksdb::NewCompositeEnv(std::make_shared<TroubledDisk>(trouble));
  Model model;
  int refusals = 0;
};

std::uint64_t operationsOfARun() {
  Place place;
  auto store = place.open();
  REQUIRE(store.ok());
  REQUIRE(place.fill(**store).ok());
  store->reset();
  return place.trouble.operations;
}

// Nothing is lost, the job goes on, and in the end all is in the base.
void checkGoesOn(Place& place, std::unique_ptr<CheckpointStore> store) {
  place.trouble.from = ~std::uint64_t{0};
  store.reset();
  auto again = place.open();
  INFO(again.status());
  REQUIRE(again.ok());
  CHECK((*again)->found().epoch.number == place.model.epoch);
  REQUIRE(differences(**again, place.model.entries) == "");
  const Status filled = place.fill(**again);
  INFO(filled);
  REQUIRE(filled.ok());
  REQUIRE(place.model.epoch == kEpochs);
  REQUIRE(differences(**again, place.model.entries) == "");
  again->reset();
  again = place.open();
  REQUIRE(again.ok());
  REQUIRE((*again)->baseEpoch() == kEpochs);
  REQUIRE(differences(**again, place.model.entries) == "");
}

TEST_CASE("RocksDB on a full disk is tried again, and nothing is lost", "[rocksdb]") {
  const std::uint64_t operations = operationsOfARun();
  REQUIRE(operations > 50);
  int refusals = 0;
  for (std::uint64_t at = 0; at < operations; at += operations / 40) {
    for (const std::uint64_t length : {1U, 25U}) {
      INFO("full from operation " << at << " for " << length);
      Place place;
      place.trouble.from = at;
      place.trouble.to = at + length;
      auto opened = place.open();
      if (!opened.ok()) {  // it was full from the beginning
        INFO(opened.status());
        REQUIRE(absl::IsResourceExhausted(opened.status()));
        checkGoesOn(place, nullptr);
        continue;
      }
      // Or it has to be opened anew.
      const Status filled = place.fill(**opened);
      INFO(filled);
      REQUIRE((filled.ok() || absl::IsAborted(filled)));
      REQUIRE((filled.ok() || filled.message().find("(free some space)") != filled.message().npos));
      REQUIRE(differences(**opened, place.model.entries) == "");
      refusals += place.refusals;
      checkGoesOn(place, *std::move(opened));
    }
  }
  REQUIRE(refusals > 20);
}

TEST_CASE(
    "An error of the disk under RocksDB is told with the directory, and the job goes on from there",
    "[rocksdb]") {
  const std::uint64_t operations = operationsOfARun();
  int failures = 0;
  for (std::uint64_t at = 0; at < operations; at += operations / 40) {
    INFO("broken at operation " << at);
    Place place;
    place.trouble.isFull = false;
    place.trouble.from = at;
    place.trouble.to = at + 1;
    auto opened = place.open();
    const Status ended = opened.ok() ? place.fill(**opened) : opened.status();
    if (!ended.ok()) {
      ++failures;
      INFO(ended);
      CHECK(ended.message().find(place.scratch / "state/rocksdb") != ended.message().npos);
      CHECK(ended.message().find("the disk is broken") != ended.message().npos);
      CHECK(ended.message().find("check the disk") != ended.message().npos);
    }
    checkGoesOn(place, opened.ok() ? *std::move(opened) : nullptr);
  }
  REQUIRE(failures > 20);
}

TEST_CASE("An entry that RocksDB cannot read is told with the directory", "[rocksdb]") {
  Place place;
  {
    auto store = place.open();
    REQUIRE(store.ok());
    REQUIRE(place.fill(**store).ok());
  }
  auto store = place.open();
  REQUIRE(store.ok());
  place.trouble.failsReads = true;
  const Status read = (*store)->forEachEntry(
      [](StateId, KeyGroup, std::string_view, std::string_view) { return absl::OkStatus(); });
  INFO(read);
  CHECK(read.code() == absl::StatusCode::kInternal);
  CHECK(read.message().find(place.scratch / "state/rocksdb") != read.message().npos);
  place.trouble.failsReads = false;
  CHECK(differences(**store, place.model.entries) == "");
}

}  // namespace
}  // namespace millrace
