// SPDX-License-Identifier: MIT
#include "checkpoint/rocks_base.hpp"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include "checkpoint/rocks_key.hpp"

namespace millrace::checkpoint {
namespace {

constexpr std::uint32_t kMarkPrefix = 0xffff0000;  // no key group has that number
constexpr std::size_t kFilterBits = 10;            // a key: one wrong answer in a hundred
// A job at work puts files in order while others open the directory.
constexpr int kAttempts = 20;
// Table files that lie over each other cost a look-up each: then the log has to wait.
constexpr int kMostOverlaps = 20;
constexpr auto kLookAgain = std::chrono::milliseconds(100);

Status statusOf(const rocksdb::Status& status, const std::string& what) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = fmt::format("{}: {}", what, status.ToString());
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(text + " (free some space)");
  if (status.IsCorruption()) {
    return absl::DataLossError(text + " (the state directory is damaged: begin from a savepoint)");
  }
  return absl::InternalError(text + " (check the disk it is on; what is committed is kept)");
}

Status readStatusOf(const rocksdb::Status& status, const rocksdb::DB& database) {
  return status.ok() ? absl::OkStatus() : statusOf(status, "reading " + database.GetName());
}

rocksdb::Slice sliceOf(std::string_view text) { return {text.data(), text.size()}; }
std::string_view textOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// What a crash has left may be another name of a file that is in the database by now: writing to it
// would be writing into the database.
rocksdb::Status makeEmptyDirectory(rocksdb::Env& env, const std::string& path) {
  auto status = env.CreateDirIfMissing(path);
  std::vector<std::string> names;
  if (status.ok()) status = env.GetChildren(path, &names);
  for (const std::string& name : names) {
    if (status.ok()) status = env.DeleteFile(path + "/" + name);
  }
  return status;
}

// The host is told what goes wrong by a Status; nothing about the machine is left on its disk.
class Silence final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// A file that is missing twice is missing: a job at work removes it after it has stopped to name
// it.
rocksdb::Status openForReading(const rocksdb::Options& options, const std::string& path,
                               rocksdb::DB*& opened) {
  std::string before;
  for (int attempt = 0;; ++attempt) {
    rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, path, &opened);
    const std::string now = status.ToString();
    const bool mayBeAtWork = status.IsCorruption() || status.IsPathNotFound();
    if (!mayBeAtWork || now == before || attempt == kAttempts) return status;
    before = now;
  }
}

rocksdb::Options optionsOf(const RocksBase::Settings& settings) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(std::max<std::size_t>(settings.cacheBytes, 1 << 20));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBits));
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  rocksdb::Options options;
  if (RocksBase::environment() != nullptr) options.env = RocksBase::environment();
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kLZ4Compression;
  options.info_log = std::make_shared<Silence>();
  options.db_host_id = "";
  options.write_buffer_size = 1 << 20;  // nothing is written to it
  options.target_file_size_base = settings.fileBytes;
  // Files come sorted and whole, a segment's worth each, with keys from anywhere: merging runs of
  // like size writes a byte a few times, levels would write it ten times and more.
  options.compaction_style = rocksdb::kCompactionStyleUniversal;
  options.compaction_options_universal.min_merge_width = 4;
  options.compaction_options_universal.size_ratio = 20;
  options.level0_file_num_compaction_trigger = 6;
  options.bytes_per_sync = 1 << 20;
  options.max_background_jobs = 2;
  options.max_bgerror_resume_count = 0;  // see awaitOrder()
  return options;
}

}  // namespace

// Tells when RocksDB has put files in order.
class RocksBase::Calm final : public rocksdb::EventListener {
 public:
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    remember(*status);
  }

  void remember(const rocksdb::Status& error) {
    const std::lock_guard lock(mutex_);
    error_ = error;
    changed_.notify_all();
  }

  /// Waits until no more than so many files lie over each other, or that will not come about.
  rocksdb::Status wait(rocksdb::DB& database, int most) {
    std::unique_lock lock(mutex_);
    while (overlaps(database) > most && error_.ok()) changed_.wait_for(lock, kLookAgain);
    return std::exchange(error_, {});
  }

 private:
  static int overlaps(rocksdb::DB& database) {
    std::string count;
    database.GetProperty(rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &count);
    return std::atoi(count.c_str());
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  rocksdb::Status error_;
};

// Table files on their way into the database.
class RocksBase::Incoming {
 public:
  Incoming(const Settings& settings, const rocksdb::Options& options)
      : directory_(settings.layout.incoming()),
        fileBytes_(settings.fileBytes),
        keyGroups_(settings.keyGroups),
        options_(options) {}

  rocksdb::Status add(const StateChange& entry) {
    if (writer_ != nullptr && writer_->FileSize() >= fileBytes_) {
      if (auto status = finishFile(); !status.ok()) return status;
    }
    if (auto status = openFile(); !status.ok()) return status;
    key_.clear();
    appendBigEndian(rocksPrefix(entry.group, entry.state), key_);
    key_.append(entry.key);
    return entry.kind == StateChange::Kind::kErase ? writer_->Delete(key_)
                                                   : writer_->Put(key_, sliceOf(entry.value));
  }

  // Within a file a range that is dropped leaves the file's own entries alone, so drops come before
  // the entries whatever the order.
  rocksdb::Status drop(const Drops& drops) {
    rocksdb::Status status;
    drops.forEach(
        [&](StateId state, KeyGroupRange groups, Timestamp time) {
          std::string last;
          ByteWriter out(last);
          writeTimePrefix(time, out);
          for (std::uint32_t group = groups.first; group < std::min(groups.end, keyGroups_);
               ++group) {
            const std::uint32_t prefix = rocksPrefix(toKeyGroup(group), state);
            dropRange(rocksKey(prefix), rocksEndOf(rocksKey(prefix, last)), status);
          }
        },
        [&](StateId state) {
          for (std::uint32_t group = 0; group < keyGroups_; ++group) {
            const std::uint32_t prefix = rocksPrefix(toKeyGroup(group), state);
            dropRange(rocksKey(prefix), rocksKey(prefix + 1), status);
          }
        });
    return status;
  }

  // Comes last, and ends the last file.
  rocksdb::Status mark(std::uint64_t number) {
    auto status = openFile();
    if (status.ok()) status = writer_->Put(rocksKey(kMarkPrefix), std::to_string(number));
    return status.ok() ? finishFile() : status;
  }

  const std::vector<std::string>& files() const { return files_; }

 private:
  static KeyGroup toKeyGroup(std::uint32_t group) { return {static_cast<std::uint16_t>(group)}; }

  void dropRange(const std::string& begin, const std::string& end, rocksdb::Status& status) {
    if (status.ok()) status = openFile();
    if (status.ok()) status = writer_->DeleteRange(begin, end);
  }

  rocksdb::Status openFile() {
    if (writer_ != nullptr) return {};
    writer_ = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), options_);
    files_.push_back(fmt::format("{}/{:06}.sst", directory_, files_.size() + 1));
    return writer_->Open(files_.back());
  }

  rocksdb::Status finishFile() {
    const auto status = writer_->Finish();
    writer_.reset();
    return status;
  }

  const std::string directory_;
  const std::uint64_t fileBytes_;
  const std::uint32_t keyGroups_;
  const rocksdb::Options& options_;
  std::unique_ptr<rocksdb::SstFileWriter> writer_;
  std::vector<std::string> files_;
  std::string key_;
};

class RocksBase::Cursor final : public SortedCursor {
 public:
  Cursor(std::shared_ptr<rocksdb::DB> database, const rocksdb::Snapshot* snapshot,
         EntrySelection selection)
      : database_(std::move(database)),
        selection_(std::move(selection)),
        end_(rocksKey(selection_.groups.end << 16)),
        upperBound_(end_) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.fill_cache = false;
    options.readahead_size = 1 << 20;
    options.iterate_upper_bound = &upperBound_;
    iterator_.reset(database_->NewIterator(options));
  }

  StatusOr<bool> next() override {
    if (!isBegun_) {
      isBegun_ = true;
      iterator_->Seek(rocksKey(selection_.groups.first << 16));
    } else {
      iterator_->Next();
    }
    skipUnselected();
    if (!iterator_->Valid()) {
      MILLRACE_RETURN_IF_ERROR(readStatusOf(iterator_->status(), *database_));
      return false;
    }
    const std::string_view key = textOf(iterator_->key());
    const std::uint32_t prefix = rocksPrefixOf(key);
    StateChange entry;
    entry.group = KeyGroup{static_cast<std::uint16_t>(prefix >> 16)};
    entry.state = StateId{static_cast<std::uint16_t>(prefix)};
    entry.key = key.substr(kRocksPrefix);
    entry.value = textOf(iterator_->value());
    moveTo(entry);
    return true;
  }

 private:
  // States that nobody asked for may be the better part of the base.
  void skipUnselected() {
    while (selection_.states && iterator_->Valid()) {
      const std::uint32_t prefix = rocksPrefixOf(textOf(iterator_->key()));
      const StateId state{static_cast<std::uint16_t>(prefix)};
      const auto wanted =
          std::lower_bound(selection_.states->begin(), selection_.states->end(), state);
      if (wanted != selection_.states->end() && *wanted == state) return;
      const bool isPast = wanted == selection_.states->end();
      iterator_->Seek(isPast
                          ? rocksKey((prefix | 0xffff) + 1)
                          : rocksKey((prefix & 0xffff0000) | static_cast<std::uint16_t>(*wanted)));
    }
  }

  const std::shared_ptr<rocksdb::DB> database_;
  const EntrySelection selection_;
  const std::string end_;
  const rocksdb::Slice upperBound_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  bool isBegun_ = false;
};

class RocksBase::View final : public BaseView {
 public:
  explicit View(std::shared_ptr<rocksdb::DB> database)
      : database_(std::move(database)), snapshot_(database_->GetSnapshot()) {}
  ~View() override { database_->ReleaseSnapshot(snapshot_); }

  void addTo(MergeCursor& merged, const EntrySelection& selection) const override {
    if (selection.states && selection.states->empty()) return;
    merged.add(std::make_unique<Cursor>(database_, snapshot_, selection), Drops());
  }

 private:
  const std::shared_ptr<rocksdb::DB> database_;
  const rocksdb::Snapshot* const snapshot_;
};

RocksBase::Settings RocksBase::settingsOf(const Layout& layout,
                                          const CheckpointStore::Options& options) {
  return {layout, options.keyGroups, options.cacheBytes, options.segmentBytes};
}

rocksdb::Env*& RocksBase::environment() {
  static rocksdb::Env* environment = nullptr;
  return environment;
}

RocksBase::RocksBase(Settings settings, std::shared_ptr<Calm> calm)
    : settings_(std::move(settings)), calm_(std::move(calm)) {}

RocksBase::~RocksBase() = default;

Status RocksBase::openDatabase(bool mayMake, Unfinished unfinished) {
  rocksdb::Options options = optionsOf(settings_);
  options.best_efforts_recovery = unfinished == Unfinished::kPassedOver;
  options.create_if_missing = mayMake;
  options.listeners.push_back(calm_);
  options.env->LowerThreadPoolCPUPriority(rocksdb::Env::LOW);
  rocksdb::DB* opened = nullptr;
  const std::string path = settings_.layout.rocksDb();
  const rocksdb::Status status = settings_.isForReading ? openForReading(options, path, opened)
                                                        : rocksdb::DB::Open(options, path, &opened);
  database_.reset(opened);
  if (status.IsInvalidArgument() || status.IsNotFound() || status.IsPathNotFound()) {
    return absl::DataLossError(
        fmt::format("opening {}: {} (begin from a savepoint)", path, status.ToString()));
  }
  return statusOf(status, "opening " + path);
}

StatusOr<std::unique_ptr<RocksBase>> RocksBase::open(const Settings& settings,
                                                     const Manifest& manifest) {
  std::unique_ptr<RocksBase> base(new RocksBase(settings, std::make_shared<Calm>()));
  const bool isNew = manifest.firstSegment == 1 && manifest.origin == 0;
  Status opened = base->openDatabase(isNew);
  if (absl::IsDataLoss(opened) && isWholeWithoutLast(settings, manifest)) {
    opened = base->openDatabase(false, Unfinished::kPassedOver);
  }
  MILLRACE_RETURN_IF_ERROR(opened);
  MILLRACE_RETURN_IF_ERROR(base->checkMark(manifest));
  return base;
}

// When the sync fails that ends the taking in of a file, RocksDB removes the file and may have
// named it in its manifest already. What it had before is whole then, which the mark proves; a file
// that is missing otherwise takes the mark away with it. Reading changes nothing yet.
bool RocksBase::isWholeWithoutLast(Settings settings, const Manifest& manifest) {
  settings.isForReading = true;
  RocksBase before(std::move(settings), std::make_shared<Calm>());
  return before.openDatabase(false, Unfinished::kPassedOver).ok() &&
         before.checkMark(manifest).ok();
}

Status RocksBase::checkMark(const Manifest& manifest) const {
  std::string text;
  const rocksdb::Status read = database_->Get({}, rocksKey(kMarkPrefix), &text);
  if (!read.ok() && !read.IsNotFound()) return readStatusOf(read, *database_);
  const bool isNew = manifest.firstSegment == 1 && manifest.origin == 0;
  const std::uint64_t mark = read.ok() ? std::strtoull(text.c_str(), nullptr, 10) : 0;
  if (read.IsNotFound() && isNew) return absl::OkStatus();
  if (mark == manifest.firstSegment || mark == manifest.firstSegment + 1) return absl::OkStatus();
  return absl::DataLossError(fmt::format(
      "{} is not the base that {} tells of: it goes up to segment {} of the log, not {} "
      "(put the state directory back as a whole)",
      settings_.layout.rocksDb(), settings_.layout.manifest(), mark, manifest.firstSegment));
}

Status RocksBase::make(const Settings& settings, SortedCursor& entries, const Manifest& manifest) {
  const std::string path = settings.layout.rocksDb();
  MILLRACE_RETURN_IF_ERROR(
      statusOf(rocksdb::DestroyDB(path, rocksdb::Options()), "removing " + path));
  RocksBase base(settings, std::make_shared<Calm>());
  MILLRACE_RETURN_IF_ERROR(base.openDatabase(true));
  return base.takeIn(entries, Drops(), manifest);
}

// RocksDB can be told to go on, but 7.8 then takes files in under the number 0: only opening it
// anew is safe. So a full disk is not told as one here, which would be tried again with this
// database.
Status RocksBase::awaitOrder() {
  const rocksdb::Status error = calm_->wait(*database_, kMostOverlaps);
  if (error.ok()) return absl::OkStatus();
  calm_->remember(error);
  const Status told = statusOf(error, "merging files in " + settings_.layout.rocksDb());
  return absl::IsResourceExhausted(told) ? absl::AbortedError(told.message()) : told;
}

Status RocksBase::apply(std::unique_ptr<SortedCursor> changes, const Drops& drops,
                        Manifest& manifest) {
  return takeIn(*changes, drops, manifest);
}

Status RocksBase::takeIn(SortedCursor& entries, const Drops& drops, const Manifest& manifest) {
  const rocksdb::Options options = database_->GetOptions();
  const std::string doing = "writing into " + settings_.layout.rocksDb();
  rocksdb::Env& env = *options.env;
  MILLRACE_RETURN_IF_ERROR(statusOf(makeEmptyDirectory(env, settings_.layout.incoming()), doing));
  Incoming incoming(settings_, options);
  Status taken = [&]() -> Status {
    MILLRACE_RETURN_IF_ERROR(statusOf(incoming.drop(drops), doing));
    while (true) {
      MILLRACE_ASSIGN_OR_RETURN(const bool more, entries.next());
      if (!more) break;
      MILLRACE_RETURN_IF_ERROR(statusOf(incoming.add(entries.current()), doing));
    }
    MILLRACE_RETURN_IF_ERROR(statusOf(incoming.mark(manifest.firstSegment), doing));
    rocksdb::IngestExternalFileOptions how;
    how.move_files = true;
    how.write_global_seqno = false;
    return statusOf(database_->IngestExternalFile(incoming.files(), how), doing);
  }();
  for (const std::string& file : incoming.files()) static_cast<void>(env.DeleteFile(file));
  return taken;
}

StatusOr<bool> RocksBase::compact(Manifest&) { return false; }

StatusOr<bool> RocksBase::read(StateId state, KeyGroup group, std::string_view key,
                               std::string& value) const {
  thread_local std::string buffer;
  buffer.clear();
  appendBigEndian(rocksPrefix(group, state), buffer);
  buffer.append(key);
  const rocksdb::Status status = database_->Get({}, buffer, &value);
  if (status.IsNotFound()) return false;
  MILLRACE_RETURN_IF_ERROR(readStatusOf(status, *database_));
  return true;
}

Status RocksBase::readAll(StateId state, KeyGroup group, std::string_view prefix,
                          const EntryVisitor& visit) const {
  const std::string begin = rocksKey(rocksPrefix(group, state), prefix);
  return readRange(begin, rocksEndOf(begin), Cache::kFilled,
                   [&](std::string_view key, std::string_view value) -> StatusOr<bool> {
                     MILLRACE_RETURN_IF_ERROR(visit(state, group, key, value));
                     return true;
                   });
}

Status RocksBase::readFrom(StateId state, KeyGroup group, std::string_view from,
                           const EntryWalker& walk) const {
  const std::uint32_t prefix = rocksPrefix(group, state);
  // A walk through what nobody has asked for by its key.
  return readRange(rocksKey(prefix, from), rocksKey(prefix + 1), Cache::kLeftAlone, walk);
}

Status RocksBase::readRange(const std::string& begin, const std::string& end, Cache cache,
                            const EntryWalker& walk) const {
  const rocksdb::Slice upperBound(end);
  rocksdb::ReadOptions options;
  options.fill_cache = cache == Cache::kFilled;
  options.iterate_upper_bound = &upperBound;
  const std::unique_ptr<rocksdb::Iterator> iterator(database_->NewIterator(options));
  for (iterator->Seek(begin); iterator->Valid(); iterator->Next()) {
    const std::string_view key = textOf(iterator->key()).substr(kRocksPrefix);
    MILLRACE_ASSIGN_OR_RETURN(const bool goesOn, walk(key, textOf(iterator->value())));
    if (!goesOn) return absl::OkStatus();
  }
  return readStatusOf(iterator->status(), *database_);
}

// Its files never change: they get another name.
Status RocksBase::copyTo(const Layout& target) const {
  const std::string doing = "copying " + settings_.layout.rocksDb();
  rocksdb::Checkpoint* made = nullptr;
  MILLRACE_RETURN_IF_ERROR(statusOf(rocksdb::Checkpoint::Create(database_.get(), &made), doing));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  return statusOf(checkpoint->CreateCheckpoint(target.rocksDb()), doing);
}

std::shared_ptr<const BaseView> RocksBase::view() const {
  return std::make_shared<View>(database_);
}

std::uint64_t RocksBase::bytes() const {
  std::uint64_t bytes = 0;
  database_->GetIntProperty(rocksdb::DB::Properties::kLiveSstFilesSize, &bytes);
  return bytes;
}

Status RocksBase::verify() const {
  rocksdb::Status status = database_->VerifyChecksum();
  for (int attempt = 0; settings_.isForReading && status.IsPathNotFound() && attempt < kAttempts;
       ++attempt) {
    RocksBase now(settings_, std::make_shared<Calm>());
    MILLRACE_RETURN_IF_ERROR(now.openDatabase(false));
    status = now.database_->VerifyChecksum();
  }
  return statusOf(status, "checking the base");
}

}  // namespace millrace::checkpoint
