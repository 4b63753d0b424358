// SPDX-License-Identifier: MIT
#include "checkpoint/sorted_files.hpp"

#include <algorithm>
#include <utility>

namespace millrace::checkpoint {

class SortedFiles::View final : public BaseView {
 public:
  explicit View(EntriesFiles held) : files(std::move(held)) {}

  void addTo(MergeCursor& merged, const EntrySelection& selection) const override {
    for (const auto& file : files) {
      merged.add(EntriesFileReader::entries(file, selection.groups), file->drops());
    }
  }

  const EntriesFiles files;  // the oldest first
};

StatusOr<EntriesFiles> openEntriesFiles(FileSystem& files, const Layout& layout,
                                        const Manifest& manifest) {
  EntriesFiles opened;
  for (const EntriesFile& file : manifest.files) {
    MILLRACE_ASSIGN_OR_RETURN(auto reader,
                              EntriesFileReader::open(files, layout.entries(file.number), file));
    opened.push_back(std::move(reader));
  }
  return opened;
}

namespace {

Status writeAll(EntriesFileWriter& writer, SortedCursor& entries, const Drops& drops) {
  MILLRACE_RETURN_IF_ERROR(writer.addDrops(drops));
  while (true) {
    MILLRACE_ASSIGN_OR_RETURN(const bool more, entries.next());
    if (!more) return absl::OkStatus();
    MILLRACE_RETURN_IF_ERROR(writer.add(entries.current()));
  }
}

StatusOr<EntriesFile> createEntriesFile(FileSystem& files, const std::string& path,
                                        std::uint64_t number, SortedCursor& entries,
                                        const Drops& drops) {
  MILLRACE_ASSIGN_OR_RETURN(EntriesFileWriter writer, EntriesFileWriter::create(files, path));
  MILLRACE_RETURN_IF_ERROR(writeAll(writer, entries, drops));
  return writer.finish(number);
}

std::uint64_t bytesOf(const EntriesFiles& files, std::size_t from) {
  std::uint64_t bytes = 0;
  for (std::size_t i = from; i < files.size(); ++i) bytes += files[i]->file().size;
  return bytes;
}

}  // namespace

StatusOr<EntriesFile> writeEntriesFile(FileSystem& files, const Layout& layout,
                                       std::uint64_t number, SortedCursor& entries,
                                       const Drops& drops) {
  const std::string path = layout.entries(number);
  StatusOr<EntriesFile> written = createEntriesFile(files, path, number, entries, drops);
  if (!written.ok()) {
    static_cast<void>(files.remove(path));
    return written;
  }
  MILLRACE_RETURN_IF_ERROR(finalError(files.syncDirectory(layout.base())));
  return written;
}

SortedFiles::SortedFiles(FileSystem& files, Layout layout, EntriesFiles found,
                         std::uint64_t leastToMerge)
    : files_(&files),
      layout_(std::move(layout)),
      leastToMerge_(leastToMerge),
      view_(std::make_shared<View>(std::move(found))) {}

Status SortedFiles::writeFile(SortedCursor& entries, const Drops& drops, EntriesFiles below,
                              Manifest& manifest) {
  const std::uint64_t number = manifest.nextFile++;
  MILLRACE_ASSIGN_OR_RETURN(const EntriesFile written,
                            writeEntriesFile(*files_, layout_, number, entries, drops));
  MILLRACE_ASSIGN_OR_RETURN(auto reader,
                            EntriesFileReader::open(*files_, layout_.entries(number), written));
  below.push_back(std::move(reader));
  manifest.files.clear();
  for (const auto& file : below) manifest.files.push_back(file->file());
  next_ = std::make_shared<View>(std::move(below));
  return absl::OkStatus();
}

Status SortedFiles::apply(std::unique_ptr<SortedCursor> changes, const Drops& drops,
                          Manifest& manifest) {
  if (!view_->files.empty()) return writeFile(*changes, drops, view_->files, manifest);
  // There is nothing below that an erase or a drop could concern.
  MergeCursor alone(MergeCursor::Erases::kLeftOut);
  alone.add(std::move(changes), Drops());
  return writeFile(alone, Drops(), {}, manifest);
}

StatusOr<bool> SortedFiles::compact(Manifest& manifest) {
  const EntriesFiles& files = view_->files;
  if (files.size() < 2) return false;
  if (bytesOf(files, 1) < std::max(leastToMerge_, files.front()->file().size)) return false;
  MergeCursor merged(MergeCursor::Erases::kLeftOut);
  view_->addTo(merged, EntrySelection());
  MILLRACE_RETURN_IF_ERROR(writeFile(merged, Drops(), {}, manifest));
  return true;
}

void SortedFiles::publish() {
  for (const auto& file : view_->files) {
    const auto& kept = next_->files;
    if (std::find(kept.begin(), kept.end(), file) == kept.end()) obsolete_.push_back(file->path());
  }
  view_ = std::exchange(next_, nullptr);
}

void SortedFiles::abandon() {
  if (next_ == nullptr) return;
  static_cast<void>(files_->remove(next_->files.back()->path()));
  next_.reset();
}

// What cannot be removed now is a left-over that the next opening finds.
void SortedFiles::removeObsolete() {
  for (const std::string& path : std::exchange(obsolete_, {})) {
    static_cast<void>(files_->remove(path));
  }
}

Status SortedFiles::copyTo(const Layout& target) const {
  for (const auto& reader : view_->files) {
    const EntriesFile& file = reader->file();
    MILLRACE_RETURN_IF_ERROR(
        linkOrCopy(*files_, layout_.entries(file.number), target.entries(file.number), file.size));
  }
  return finalError(files_->syncDirectory(target.base()));
}

std::shared_ptr<const BaseView> SortedFiles::view() const { return view_; }

Status SortedFiles::verify() const {
  for (const auto& file : view_->files) MILLRACE_RETURN_IF_ERROR(file->verify());
  return absl::OkStatus();
}

std::uint64_t SortedFiles::bytes() const { return bytesOf(view_->files, 0); }

}  // namespace millrace::checkpoint
