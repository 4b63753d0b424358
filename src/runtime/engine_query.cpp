// SPDX-License-Identifier: MIT
// How state is read from outside while the job runs.
#include "runtime/engine.hpp"

#include <millrace/base/check.hpp>
#include <millrace/state/keyed_state_store.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>

namespace millrace {
namespace {

using Answer = StatusOr<std::optional<std::string>>;

Answer readFrom(KeyedStateStore* states, const StateQuery& query) {
  std::string known;
  for (std::size_t i = 0; states != nullptr && i < states->states().size(); ++i) {
    const std::string& name = states->states()[i].name;
    if (name == query.state) {
      std::string value;
      if (!states->readEntry(i, query.key, value)) return std::optional<std::string>();
      return std::optional<std::string>(std::move(value));
    }
    known += (known.empty() ? "" : ", ") + name;
  }
  return absl::NotFoundError(fmt::format("operator '{}' has no state '{}' (it has: {})",
                                         query.operatorName, query.state,
                                         known.empty() ? "none that can be read" : known));
}

Answer answerOf(Task& task, const StateQuery& query) {
  try {
    return readFrom(task.queryableStates(), query);
  } catch (...) {
    return statusOfException();
  }
}

}  // namespace

Answer Engine::readState(const StateQuery& query) {
  for (std::size_t node = 0; node < graph_.nodes().size(); ++node) {
    if (graph_.nodes()[node].name != query.operatorName) continue;
    return query.view == StateView::kLive ? readLive(query, NodeId{node}) : readCommitted(query);
  }
  return absl::NotFoundError(fmt::format("the job has no operator '{}'", query.operatorName));
}

Answer Engine::readLive(const StateQuery& query, NodeId node) {
  const auto groups = static_cast<std::uint32_t>(job_.keyGroups);
  const std::size_t owner =
      ownerOf(keyGroupOf(query.keyHash, groups), static_cast<std::uint32_t>(job_.workers), groups);
  Task& task = taskOf(node, owner);
  const auto answer = std::make_shared<std::promise<Answer>>();
  const bool isPosted = workers_[owner]->context().requests.post(
      [answer, query, &task] { answer->set_value(answerOf(task, query)); });
  if (!isPosted) return absl::FailedPreconditionError("the job is over");
  workers_[owner]->wake();
  return answer->get_future().get();
}

Answer Engine::readCommitted(const StateQuery& query) {
  if (store_ == nullptr) {
    return absl::FailedPreconditionError(
        "the job takes no checkpoints (it has no state directory)");
  }
  const auto& states = catalog_.states();
  const auto state = std::find_if(states.begin(), states.end(), [&](const CataloguedState& each) {
    return each.operatorName == query.operatorName && each.declaration.name == query.state;
  });
  if (state == states.end()) {
    return absl::NotFoundError(
        fmt::format("operator '{}' has no state '{}'", query.operatorName, query.state));
  }
  const KeyGroup group = keyGroupOf(query.keyHash, static_cast<std::uint32_t>(job_.keyGroups));
  std::optional<std::string> found;
  MILLRACE_RETURN_IF_ERROR(store_->forEachEntry(
      EntrySelection{{group.value, group.value + 1U}, {{state->id}}},
      [&](StateId, KeyGroup, std::string_view key, std::string_view value) -> Status {
        if (key == query.key) found = value;
        return absl::OkStatus();
      }));
  return found;
}

}  // namespace millrace
