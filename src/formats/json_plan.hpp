// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/formats/record_type.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

namespace millrace {

// A member's name, made to be compared with the key of a JSON line in a few
// instructions. The key lies in a padded line, so eight bytes can be read anywhere.
class KeyPattern {
 public:
  explicit KeyPattern(std::string_view name);

  bool matches(std::string_view key) const noexcept {
    if (key.size() != name_.size()) return false;
    if (((load(key.data()) ^ head_) & headMask_) != 0) return false;
    if (key.size() <= kWord) return true;
    if (load(key.data() + key.size() - kWord) != tail_) return false;
    return key.size() <= 2 * kWord || key == name_;
  }

 private:
  static constexpr std::size_t kWord = sizeof(std::uint64_t);

  static std::uint64_t load(const char* from) noexcept {
    std::uint64_t word;
    std::memcpy(&word, from, kWord);
    return word;
  }

  std::uint64_t head_ = 0;
  std::uint64_t headMask_ = 0;
  std::uint64_t tail_ = 0;
  std::string_view name_;
};

struct RecordPlan;

struct MemberPlan {
  KeyPattern key;
  const Member* member;
  const RecordPlan*
      record;  // of the struct that the member holds, however deep in vectors; or nullptr
};

// A RecordType prepared for one reader.
struct RecordPlan {
  const RecordType* type = nullptr;
  std::vector<MemberPlan> members;

  // The member of that name, tried first at `expected`, which then moves on: the
  // members of most streams come in the same order. nullptr when there is none.
  const MemberPlan* find(std::string_view key, std::size_t& expected) const noexcept {
    if (expected < members.size() && members[expected].key.matches(key))
      return &members[expected++];
    return search(key, expected);
  }

 private:
  const MemberPlan* search(std::string_view key, std::size_t& expected) const noexcept;
};

// The plans of a type and of all the types it holds.
class JsonPlans {
 public:
  const RecordPlan* of(const RecordType& type);

 private:
  std::map<const RecordType*, std::unique_ptr<RecordPlan>> plans_;
};

}  // namespace millrace
