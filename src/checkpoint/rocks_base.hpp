// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "checkpoint/directory.hpp"
#include "checkpoint/state_base.hpp"

namespace rocksdb {
class DB;
class Env;
}  // namespace rocksdb

namespace millrace::checkpoint {

/// The base of the store `rocksdb`: one RocksDB with one column family. Each stretch of the log
/// becomes a sorted table file that is taken in as a whole, so nothing passes through a write-ahead
/// log or a memtable, and taking in is atomic and durable at once.
///
///   key = group:u16 state:u16 key    big endian: a range of key groups is one range of keys
///   0xffff                           the mark: up to which segment of the log the base goes
///
/// The mark of a base is that of the manifest, or one ahead of it after a crash between the two:
/// what the log then holds as well is put once more, which changes nothing.
///
/// **Thread safety**: as StateBase; read(), readAll(), readFrom() and views may be used from any
/// thread.
class RocksBase final : public StateBase {
 public:
  struct Settings {
    Layout layout;
    std::uint32_t keyGroups = 0;
    std::size_t cacheBytes = 0;   ///< blocks, indexes and filters in memory
    std::uint64_t fileBytes = 0;  ///< of a table file, about
    bool isForReading = false;    ///< leaves everything as it is
  };

  static Settings settingsOf(const Layout& layout, const CheckpointStore::Options& options);

  /// kDataLoss: it is damaged, missing, or not the one that belongs to the manifest.
  static StatusOr<std::unique_ptr<RocksBase>> open(const Settings& settings,
                                                   const Manifest& manifest);

  /// Makes a new one of what a savepoint holds, in place of one that is there. `manifest` as in
  /// apply().
  static Status make(const Settings& settings, SortedCursor& entries, const Manifest& manifest);

  /// Where bases that are opened from here on have their files; null: on the machine's disks. For
  /// tests, and not while a base is being opened.
  static rocksdb::Env*& environment();

  ~RocksBase() override;

  Status awaitOrder() override;
  Status apply(std::unique_ptr<SortedCursor> changes, const Drops& drops,
               Manifest& manifest) override;
  StatusOr<bool> compact(Manifest& manifest) override;
  // apply() is whole or has not been: there is nothing to publish or to forget.
  void publish() override {}
  void abandon() override {}
  void removeObsolete() override {}
  Status copyTo(const Layout& target) const override;

  bool isReadable() const override { return true; }
  StatusOr<bool> read(StateId state, KeyGroup group, std::string_view key,
                      std::string& value) const override;
  Status readAll(StateId state, KeyGroup group, std::string_view prefix,
                 const EntryVisitor& visit) const override;
  Status readFrom(StateId state, KeyGroup group, std::string_view from,
                  const EntryWalker& walk) const override;

  std::shared_ptr<const BaseView> view() const override;
  std::uint64_t bytes() const override;
  Status verify() const override;

 private:
  class Incoming;
  class Calm;
  class View;
  class Cursor;

  RocksBase(Settings settings, std::shared_ptr<Calm> calm);

  enum class Cache : std::uint8_t { kFilled, kLeftAlone };
  // Of a file that was being taken in: an error, or left out.
  enum class Unfinished : std::uint8_t { kIsDamage, kPassedOver };

  Status readRange(const std::string& begin, const std::string& end, Cache cache,
                   const EntryWalker& walk) const;

  Status openDatabase(bool mayMake, Unfinished unfinished = Unfinished::kIsDamage);
  static bool isWholeWithoutLast(Settings settings, const Manifest& manifest);
  Status checkMark(const Manifest& manifest) const;
  Status takeIn(SortedCursor& entries, const Drops& drops, const Manifest& manifest);

  const Settings settings_;
  std::shared_ptr<Calm> calm_;
  std::shared_ptr<rocksdb::DB> database_;
};

}  // namespace millrace::checkpoint
