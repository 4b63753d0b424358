// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/line_input.hpp>

#include <millrace/base/file_system.hpp>
#include <millrace/connectors/file/input_files.hpp>

#include <algorithm>

namespace millrace {

LineInput::LineInput(std::string path, LineSourceOptions options)
    : path_(std::move(path)),
      options_(options),
      tooLongReason_("line longer than " + std::to_string(options.maxLineBytes) + " bytes") {}

LineInput::~LineInput() = default;

Status LineInput::open(OperatorContext& context) {
  wakers_.push_back(&context.waker());
  if (dealer_ != nullptr) return absl::OkStatus();
  ChunkDealerOptions options;
  options.chunkBytes = options_.chunkBytes;
  options.maxLineBytes = options_.maxLineBytes;
  options.maxChunksAhead = std::max(kMaxChunksAhead, 2 * context.workers());
  options.listener = this;
  FileSystem& files = context.fileSystem();
  if (path_.empty()) {
    dealer_ = std::make_unique<ChunkDealer>(files.standardInput(), options);
    return absl::OkStatus();
  }
  MILLRACE_ASSIGN_OR_RETURN(std::vector<InputFile> inputs, findInputFiles(files, path_));
  isReplayable_ = std::none_of(inputs.begin(), inputs.end(), [](const InputFile& input) {
    return input.kind == InputKind::kStream;
  });
  hasPositions_ = context.isCheckpointed();
  options.recordsPositions = hasPositions_;
  dealer_ = std::make_unique<ChunkDealer>(files, std::move(inputs), options);
  return absl::OkStatus();
}

Status LineInput::restore(std::span<const std::string_view> positions) {
  if (isRestored_) return absl::OkStatus();
  isRestored_ = true;
  if (!path_.empty()) return dealer_->restore(positions);
  if (std::all_of(positions.begin(), positions.end(), [](auto each) { return each.empty(); })) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      "the checkpoint's position is of files and this is standard input (read the files again, or "
      "start anew with an empty state directory)");
}

void LineInput::onChunksMayBeReady() {
  for (Waker* waker : wakers_) waker->wake();
}

}  // namespace millrace
