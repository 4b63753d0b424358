// SPDX-License-Identifier: MIT
#include "formats/json_plan.hpp"

namespace millrace {
namespace {

// The type of the values that a member holds once vectors and the like are opened.
const ValueType& innermost(const ValueType& type) {
  const ValueType* at = &type;
  while (at->element != nullptr) at = at->element;
  return *at;
}

}  // namespace

KeyPattern::KeyPattern(std::string_view name) : name_(name) {
  const std::size_t inHead = name.size() < kWord ? name.size() : kWord;
  std::memcpy(&head_, name.data(), inHead);
  std::memset(&headMask_, 0xff, inHead);
  if (name.size() > kWord) tail_ = load(name.data() + name.size() - kWord);
}

const MemberPlan* RecordPlan::search(std::string_view key, std::size_t& expected) const noexcept {
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (!members[i].key.matches(key)) continue;
    expected = i + 1;
    return &members[i];
  }
  return nullptr;
}

const RecordPlan* JsonPlans::of(const RecordType& type) {
  auto& plan = plans_[&type];
  if (plan != nullptr) return plan.get();
  plan = std::make_unique<RecordPlan>();
  RecordPlan* const made = plan.get();  // `of` below may move `plan` itself about
  made->type = &type;
  made->members.reserve(type.members().size());
  for (const Member& member : type.members()) {
    const ValueType& held = innermost(*member.type);
    const RecordPlan* record = held.record != nullptr ? of(held.record()) : nullptr;
    made->members.push_back({.key = KeyPattern(member.name), .member = &member, .record = record});
  }
  return made;
}

}  // namespace millrace
