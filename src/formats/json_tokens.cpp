// SPDX-License-Identifier: MIT
#include "formats/json_tokens.hpp"

#include <simdjson.h>

#include <algorithm>
#include <limits>

namespace millrace {
namespace {

constexpr std::size_t kFirstCapacity = 4096;
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

}  // namespace

struct JsonTokens::Stage {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

JsonTokens::JsonTokens() : stage_(std::make_unique<Stage>()) {}
JsonTokens::~JsonTokens() = default;
JsonTokens::JsonTokens(JsonTokens&&) noexcept = default;
JsonTokens& JsonTokens::operator=(JsonTokens&&) noexcept = default;

DecodeFault JsonTokens::find(std::string_view line) {
  if (line.empty()) return DecodeFault::kSyntax;
  if (!reserve(line.size())) return DecodeFault::kTooLong;
  auto& parser = *stage_->parser;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(line.data());
  const auto error = parser.stage1(bytes, line.size(), simdjson::stage1_mode::regular);
  if (error != simdjson::SUCCESS) return faultOf(error);
  count_ = parser.n_structural_indexes;
  parser.structural_indexes[count_] = static_cast<std::uint32_t>(line.size());
  offsets_ = parser.structural_indexes.get();
  return DecodeFault::kNone;
}

bool JsonTokens::reserve(std::size_t length) {
  if (length > kLargestLine) return false;
  auto& parser = stage_->parser;
  if (parser != nullptr && length <= parser->capacity()) return true;
  const std::size_t doubled = std::max(kFirstCapacity, length * 2);
  const std::size_t capacity = std::min(doubled, kLargestLine);
  if (parser != nullptr) return parser->set_capacity(capacity) == simdjson::SUCCESS;
  // The depth is that of the second stage, which never runs.
  const auto* machine =
      static_cast<const simdjson::implementation*>(simdjson::get_active_implementation());
  return machine->create_dom_parser_implementation(capacity, 1, parser) == simdjson::SUCCESS;
}

}  // namespace millrace
