// SPDX-License-Identifier: MIT
#include "checkpoint/records.hpp"

#include <cstddef>

namespace millrace::checkpoint {
namespace {

constexpr std::uint8_t kFinal = 1;
constexpr std::uint8_t kDrained = 2;
constexpr std::uint8_t kCommittedElsewhere = 4;

// The least that a list's elements take: a bound on how many of them damaged bytes may promise.
constexpr std::size_t kLeastState = 8;
constexpr std::size_t kLeastTask = 7;

void writeState(const CataloguedState& state, ByteWriter& out) {
  out.fixed(static_cast<std::uint16_t>(state.id));
  writeText(state.operatorName, out);
  writeText(state.declaration.name, out);
  writeText(state.declaration.kind, out);
  writeText(state.declaration.keyType, out);
  writeText(state.declaration.valueType, out);
  out.length(state.declaration.schemas.size());
  for (const std::string& schema : state.declaration.schemas) writeText(schema, out);
}

bool readState(ByteReader& in, CataloguedState& out) {
  std::uint16_t id = 0;
  std::size_t schemas = 0;
  StateDeclaration& declaration = out.declaration;
  if (!in.fixed(id) || !readText(in, out.operatorName) || !readText(in, declaration.name) ||
      !readText(in, declaration.kind) || !readText(in, declaration.keyType) ||
      !readText(in, declaration.valueType) || !in.count(1, schemas)) {
    return false;
  }
  out.id = StateId{id};
  declaration.schemas.resize(schemas);
  for (std::string& schema : declaration.schemas) {
    if (!readText(in, schema)) return false;
  }
  return true;
}

}  // namespace

void writeText(std::string_view text, ByteWriter& out) {
  out.length(text.size());
  out.bytes(text);
}

bool readText(ByteReader& in, std::string& out) {
  std::size_t size = 0;
  std::string_view bytes;
  if (!in.count(1, size) || !in.bytes(size, bytes)) return false;
  out = bytes;
  return true;
}

void writeCatalog(const std::vector<CataloguedState>& states, ByteWriter& out) {
  out.length(states.size());
  for (const CataloguedState& state : states) writeState(state, out);
}

bool readCatalog(ByteReader& in, std::vector<CataloguedState>& out) {
  std::size_t count = 0;
  if (!in.count(kLeastState, count)) return false;
  out.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!readState(in, out[i]) || (i > 0 && out[i].id <= out[i - 1].id)) return false;
  }
  return true;
}

void writeTask(const TaskSnapshot& task, ByteWriter& out) {
  writeText(task.operatorName, out);
  out.fixed(task.worker);
  writeText(task.state.position, out);
  writeText(task.state.prepared, out);
}

bool readTask(ByteReader& in, TaskSnapshot& out) {
  return readText(in, out.operatorName) && in.fixed(out.worker) &&
         readText(in, out.state.position) && readText(in, out.state.prepared);
}

void writeEnding(const Epoch& epoch, ByteWriter& out) {
  out.fixed(static_cast<std::uint8_t>((epoch.isFinal ? kFinal : 0) |
                                      (epoch.isDrained ? kDrained : 0) |
                                      (epoch.isCommittedElsewhere ? kCommittedElsewhere : 0)));
  out.fixed(epoch.completedAt);
}

bool readEnding(ByteReader& in, Epoch& out) {
  std::uint8_t flags = 0;
  if (!in.fixed(flags) || !in.fixed(out.completedAt) || flags >= 2 * kCommittedElsewhere) {
    return false;
  }
  out.isFinal = (flags & kFinal) != 0;
  out.isDrained = (flags & kDrained) != 0;
  out.isCommittedElsewhere = (flags & kCommittedElsewhere) != 0;
  return true;
}

void writeEpoch(const Epoch& epoch, ByteWriter& out) {
  out.fixed(epoch.number);
  out.fixed(epoch.incarnation);
  writeEnding(epoch, out);
  out.length(epoch.tasks.size());
  for (const TaskSnapshot& task : epoch.tasks) writeTask(task, out);
}

bool readEpoch(ByteReader& in, Epoch& out) {
  std::size_t tasks = 0;
  if (!in.fixed(out.number) || !in.fixed(out.incarnation) || !readEnding(in, out) ||
      !in.count(kLeastTask, tasks)) {
    return false;
  }
  out.tasks.resize(tasks);
  for (TaskSnapshot& task : out.tasks) {
    if (!readTask(in, task)) return false;
  }
  return true;
}

Epoch withoutChanges(const Epoch& epoch) {
  Epoch copy{epoch.number,
             epoch.incarnation,
             epoch.isFinal,
             epoch.isDrained,
             epoch.isCommittedElsewhere,
             epoch.completedAt,
             {}};
  copy.tasks.reserve(epoch.tasks.size());
  for (const TaskSnapshot& task : epoch.tasks) {
    copy.tasks.push_back({task.operatorName, task.worker, task.state, StateChanges()});
  }
  return copy;
}

}  // namespace millrace::checkpoint
