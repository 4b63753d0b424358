// SPDX-License-Identifier: MIT
#include "connectors/file/progress_files.hpp"

namespace millrace {

ReadProgress::ReadProgress() : files_(std::make_unique<Files>()) {}
ReadProgress::~ReadProgress() = default;

void ReadProgress::add(const Chunk& chunk) {
  Files::OfFile& file = files_->byIndex[chunk.fileIndex()];
  file.delivered.add(chunk.offset(), chunk.deliveredEnd());
  if (chunk.openLineEnd() > 0) file.openLineEnd = chunk.openLineEnd();
}

}  // namespace millrace
