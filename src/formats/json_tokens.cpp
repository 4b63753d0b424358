// SPDX-License-Identifier: MIT
#include "formats/json_tokens.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

namespace millrace {
namespace {

constexpr std::size_t kFirstCapacity = 4096;
// Lines scanned at once: with their tokens they stay in the first level of the cache.
constexpr std::size_t kScannedBytes = 16u << 10;
constexpr std::size_t kLargestLine = simdjson::SIMDJSON_MAXSIZE_BYTES;

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

DecodeFault faultOf(simdjson::error_code error) {
  switch (error) {
    case simdjson::SUCCESS:
      return DecodeFault::kNone;
    case simdjson::UTF8_ERROR:
      return DecodeFault::kEncoding;
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC:
      return DecodeFault::kTooLong;
    default:
      return DecodeFault::kSyntax;
  }
}

const simdjson::implementation& machine() { return *simdjson::get_active_implementation(); }

}  // namespace

struct JsonTokens::Stage {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;

  bool reserve(std::size_t length) {
    if (length > kLargestLine) return false;
    if (parser != nullptr && length <= parser->capacity()) return true;
    const std::size_t doubled = std::max(kFirstCapacity, length * 2);
    const std::size_t capacity = std::min(doubled, kLargestLine);
    if (parser != nullptr) return parser->set_capacity(capacity) == simdjson::SUCCESS;
    // The depth is that of the second stage, which never runs.
    return machine().create_dom_parser_implementation(capacity, 1, parser) == simdjson::SUCCESS;
  }
};

JsonTokens::JsonTokens() : one_(std::make_unique<Stage>()), many_(std::make_unique<Stage>()) {}
JsonTokens::~JsonTokens() = default;
JsonTokens::JsonTokens(JsonTokens&&) noexcept = default;
JsonTokens& JsonTokens::operator=(JsonTokens&&) noexcept = default;

DecodeFault JsonTokens::find(std::string_view line, JsonTokenRun& run) {
  if (line.empty()) return DecodeFault::kSyntax;
  return scan(*one_, line, run);
}

DecodeFault JsonTokens::scan(Stage& stage, std::string_view text, JsonTokenRun& run) {
  if (!stage.reserve(text.size())) return DecodeFault::kTooLong;
  auto& parser = *stage.parser;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto error = parser.stage1(bytes, text.size(), simdjson::stage1_mode::regular);
  if (error != simdjson::SUCCESS) return faultOf(error);
  run.text = text.data();
  run.next = parser.structural_indexes.get();
  run.end = run.next + parser.n_structural_indexes;
  parser.structural_indexes[parser.n_structural_indexes] = static_cast<std::uint32_t>(text.size());
  return DecodeFault::kNone;
}

void JsonTokens::expect(std::string_view block) {
  block_ = block.data();
  // Without vectors, what follows a backslash in a string goes unchecked, a newline too.
  blockEnd_ = block_ + (machine().name() == "fallback" ? 0 : block.size());
  scanned_ = scannedEnd_ = aloneUntil_ = block_;
}

// Scans the lines from this one on. Where they cannot be scanned together, each is looked at
// alone, which finds the one at fault.
bool JsonTokens::scanFrom(std::string_view line) {
  const char* const from = line.data();
  if (from < block_ || from >= blockEnd_ || from < aloneUntil_) return false;
  const auto size = std::min(static_cast<std::size_t>(blockEnd_ - from), kScannedBytes);
  const auto* newline = static_cast<const char*>(::memrchr(from, '\n', size));
  if (newline == nullptr || newline < from + line.size()) return false;
  const std::string_view lines(from, static_cast<std::size_t>(newline - from));
  // The cursor asks for a closing brace at the end of what it walks.
  if (scan(*many_, lines, ahead_) != DecodeFault::kNone || lines[ahead_.end[-1]] != '}') {
    aloneUntil_ = newline;
    return false;
  }
  scanned_ = from;
  scannedEnd_ = newline;
  hasBackslashes_ = std::memchr(from, '\\', lines.size()) != nullptr;
  return true;
}

}  // namespace millrace
