// SPDX-License-Identifier: MIT
#include <millrace/connectors/collection/collection.hpp>

#include <algorithm>

namespace millrace {
namespace {

constexpr std::string_view kTag = "C1";

}  // namespace

bool isFirstReader(std::shared_ptr<void>& shared) {
  if (shared != nullptr) return false;
  shared = std::make_shared<char>();
  return true;
}

std::string describeCollection(std::size_t values) {
  return "collection(" + std::to_string(values) + " values)";
}

void writeNoCollectionPosition(ByteWriter& out) { out.bytes(kTag); }

void writeCollectionPosition(std::size_t size, std::size_t read, ByteWriter& out) {
  out.bytes(kTag);
  out.length(size);
  out.length(read);
}

StatusOr<std::size_t> restoreCollection(std::span<const std::string_view> positions,
                                        std::size_t size) {
  std::uint64_t read = 0;
  for (const std::string_view position : positions) {
    if (!position.starts_with(kTag)) {
      return absl::FailedPreconditionError(
          "the checkpoint's position is not one of a collection (the source was another when it "
          "was "
          "taken: take that again, or start anew with an empty state directory)");
    }
    ByteReader in(position.substr(kTag.size()));
    if (in.isAtEnd()) continue;
    std::uint64_t sizeThen = 0;
    std::uint64_t readThen = 0;
    if (!in.length(sizeThen) || !in.length(readThen) || !in.isAtEnd() || readThen > sizeThen) {
      return absl::DataLossError("the position of a collection is damaged");
    }
    if (sizeThen > size) {
      return absl::FailedPreconditionError(
          "the collection had " + std::to_string(sizeThen) + " values at the checkpoint and has " +
          std::to_string(size) +
          " now (give it the values of then, or start anew with an empty state directory)");
    }
    read = std::max(read, readThen);
  }
  return static_cast<std::size_t>(read);
}

}  // namespace millrace
