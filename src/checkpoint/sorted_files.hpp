// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/file_system.hpp>

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/directory.hpp"
#include "checkpoint/entries_file.hpp"
#include "checkpoint/state_base.hpp"

namespace millrace::checkpoint {

using EntriesFiles = std::vector<std::shared_ptr<const EntriesFileReader>>;

/// Opens the files of a manifest and checks what their ends say.
StatusOr<EntriesFiles> openEntriesFiles(FileSystem& files, const Layout& layout,
                                        const Manifest& manifest);

/// Writes a sorted file. It is removed again when that fails.
StatusOr<EntriesFile> writeEntriesFile(FileSystem& files, const Layout& layout,
                                       std::uint64_t number, SortedCursor& entries,
                                       const Drops& drops);

/// The base of the store `memory`: each segment becomes one sorted file; when the younger ones hold
/// as much as the oldest, all are merged into one. So a byte is written about three times, memory
/// is that of a segment, and reading merges few files.
class SortedFiles final : public StateBase {
 public:
  SortedFiles(FileSystem& files, Layout layout, EntriesFiles found, std::uint64_t leastToMerge);

  Status apply(std::unique_ptr<SortedCursor> changes, const Drops& drops,
               Manifest& manifest) override;
  StatusOr<bool> compact(Manifest& manifest) override;
  void publish() override;
  void abandon() override;
  void removeObsolete() override;
  Status copyTo(const Layout& target) const override;
  std::shared_ptr<const BaseView> view() const override;
  std::uint64_t bytes() const override;
  Status verify() const override;

  class View;

 private:
  Status writeFile(SortedCursor& entries, const Drops& drops, EntriesFiles below,
                   Manifest& manifest);

  FileSystem* files_;
  Layout layout_;
  std::uint64_t leastToMerge_;
  std::shared_ptr<const View> view_;
  std::shared_ptr<const View> next_;  // not in a manifest yet
  std::vector<std::string> obsolete_;
};

}  // namespace millrace::checkpoint
