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
  dealer_ = std::make_unique<ChunkDealer>(files, std::move(inputs), options);
  return absl::OkStatus();
}

void LineInput::onChunksMayBeReady() {
  for (Waker* waker : wakers_) waker->wake();
}

}  // namespace millrace
