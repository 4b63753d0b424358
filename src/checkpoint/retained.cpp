// SPDX-License-Identifier: MIT
#include "checkpoint/retained.hpp"

#include <millrace/checkpoint/checkpoint_reader.hpp>

#include <algorithm>

namespace millrace::checkpoint {
namespace {

using Epochs = std::vector<std::uint64_t>;

Status copyLog(FileSystem& files, const Layout& from, const Layout& to,
               const std::vector<SegmentRef>& segments) {
  for (const SegmentRef& segment : segments) {
    const std::string source = from.segment(segment.number);
    const std::string target = to.segment(segment.number);
    const bool isFull = segment.number != segments.back().number;
    MILLRACE_RETURN_IF_ERROR(isFull ? linkOrCopy(files, source, target, segment.bytes)
                                    : copySynced(files, source, target, segment.bytes));
  }
  return finalError(files.syncDirectory(to.log()));
}

Status makeRetained(FileSystem& files, const Layout& layout, const Layout& target,
                    const StateBase& base, const Manifest& manifest,
                    const std::vector<SegmentRef>& segments) {
  MILLRACE_RETURN_IF_ERROR(removeTree(files, target.root));
  MILLRACE_RETURN_IF_ERROR(makeLastingDirs(files, target.base()));
  MILLRACE_RETURN_IF_ERROR(makeLastingDirs(files, target.log()));
  MILLRACE_RETURN_IF_ERROR(base.copyTo(target));
  MILLRACE_RETURN_IF_ERROR(copyLog(files, layout, target, segments));
  return writeManifest(files, target, manifest);
}

// A manifest that is gone says that the rest is going.
Status remove(FileSystem& files, const Layout& retained) {
  MILLRACE_RETURN_IF_ERROR(removeIfThere(files, retained.manifest()));
  MILLRACE_RETURN_IF_ERROR(finalError(files.syncDirectory(retained.root)));
  return removeTree(files, retained.root);
}

}  // namespace

StatusOr<Epochs> retainedEpochs(FileSystem& files, const Layout& layout) {
  MILLRACE_ASSIGN_OR_RETURN(Epochs epochs, numberedFiles(files, layout.retained(), ""));
  std::erase_if(epochs, [&](std::uint64_t epoch) {
    return absl::IsNotFound(files.stat(layout.retained(epoch).manifest()).status());
  });
  return epochs;
}

std::optional<Timestamp> newestRetainedAt(FileSystem& files, const Layout& layout) {
  const StatusOr<Epochs> epochs = retainedEpochs(files, layout);
  if (!epochs.ok() || epochs->empty()) return std::nullopt;
  const auto reader = CheckpointReader::open(files, layout.retained(epochs->back()).root);
  if (!reader.ok()) return std::nullopt;
  return (*reader)->summary().epoch.completedAt;
}

Status retain(FileSystem& files, const Layout& layout, std::uint64_t epoch, const StateBase& base,
              Manifest manifest, const std::vector<SegmentRef>& segments) {
  manifest.kind = Manifest::Kind::kSavepoint;
  const Layout target = layout.retained(epoch);
  if (files.stat(target.manifest()).ok()) return absl::OkStatus();
  const Status made = makeRetained(files, layout, target, base, manifest, segments);
  // What is in the way of it, the job itself may need.
  if (absl::IsResourceExhausted(made)) static_cast<void>(removeTree(files, target.root));
  return made;
}

Status forgetRetained(FileSystem& files, const Layout& layout, std::size_t most) {
  MILLRACE_ASSIGN_OR_RETURN(const Epochs epochs, retainedEpochs(files, layout));
  for (std::size_t i = 0; i + most < epochs.size(); ++i) {
    MILLRACE_RETURN_IF_ERROR(remove(files, layout.retained(epochs[i])));
  }
  return absl::OkStatus();
}

Status removeUnfinishedRetained(FileSystem& files, const Layout& layout) {
  MILLRACE_ASSIGN_OR_RETURN(const Epochs whole, retainedEpochs(files, layout));
  MILLRACE_ASSIGN_OR_RETURN(const Epochs all, numberedFiles(files, layout.retained(), ""));
  for (const std::uint64_t epoch : all) {
    if (std::binary_search(whole.begin(), whole.end(), epoch)) continue;
    MILLRACE_RETURN_IF_ERROR(removeTree(files, layout.retained(epoch).root));
  }
  return absl::OkStatus();
}

}  // namespace millrace::checkpoint
