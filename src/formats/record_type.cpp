// SPDX-License-Identifier: MIT
#include <millrace/formats/record_type.hpp>

#include <millrace/base/check.hpp>

#include <algorithm>
#include <utility>

namespace millrace {
namespace {

bool canBeEmpty(const ValueType& type) {
  if (type.kind == ValueKind::kOptional || type.kind == ValueKind::kLoose)
    return canBeEmpty(*type.element);
  return type.kind == ValueKind::kString || type.kind == ValueKind::kVector;
}

bool canBeEventTime(const ValueType& type) {
  return type.kind == ValueKind::kTimestamp ||
         (type.kind == ValueKind::kInteger && type.isSigned && type.size == sizeof(Timestamp));
}

}  // namespace

const char* RecordType::check(const void* record) const {
  for (const BoundCheck& each : checks_)
    if (const char* reason = each.call(each.check, record)) return reason;
  return nullptr;
}

RecordDraft::RecordDraft(std::size_t size, const void* prototype)
    : prototype_(static_cast<const char*>(prototype)) {
  type_.size_ = size;
}

void RecordDraft::name(std::string_view name) { type_.name_ = name; }

std::size_t RecordDraft::add(std::string_view name, const ValueType& type,
                             const void* inPrototype) {
  const auto offset = static_cast<const char*>(inPrototype) - prototype_;
  type_.members_.push_back({.name = std::string(name),
                            .type = &type,
                            .offset = static_cast<std::uint32_t>(offset),
                            .defaultValue = inPrototype});
  return type_.members_.size() - 1;
}

void RecordDraft::eventTime(std::size_t index) {
  twoEventTimes_ = twoEventTimes_ || (type_.eventTime() != nullptr && type_.eventTime_ != index);
  type_.eventTime_ = index;
}

void RecordDraft::check(RecordType::Check call, void (*erased)()) {
  type_.checks_.push_back({.call = call, .check = erased});
}

RecordType RecordDraft::finish() {
  const std::string& record = type_.name_;
  MILLRACE_CHECK(!record.empty(), "a described struct needs a name: d.name(\"...\")");
  MILLRACE_CHECK(type_.members_.size() <= RecordType::kMaxMembers,
                 record + " describes more members than RecordType::kMaxMembers");
  std::vector<std::string_view> names;
  for (const Member& member : type_.members_) {
    const std::string full = record + "." + member.name;
    MILLRACE_CHECK(!member.name.empty(), record + " describes a member without a name");
    MILLRACE_CHECK(!member.nonEmpty || canBeEmpty(*member.type),
                   full + " is nonEmpty() but neither string nor vector");
    names.push_back(member.name);
  }
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  MILLRACE_CHECK(twin == names.end(), record + "." + std::string(*twin) + " is described twice");
  MILLRACE_CHECK(!twoEventTimes_, record + " has more than one eventTime()");
  const Member* eventTime = type_.eventTime();
  MILLRACE_CHECK(eventTime == nullptr || canBeEventTime(*eventTime->type),
                 record + "." + eventTime->name + " is eventTime() but no Timestamp");
  return std::move(type_);
}

}  // namespace millrace
