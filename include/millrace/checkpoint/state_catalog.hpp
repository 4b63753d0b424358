// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <millrace/base/status.hpp>
#include <millrace/state/state_declaration.hpp>

namespace millrace {

/// A state as a state directory knows it.
struct CataloguedState {
  StateId id{};
  std::string operatorName;
  StateDeclaration declaration;

  friend bool operator==(const CataloguedState&, const CataloguedState&) = default;
};

/// Which states a job keeps and which ids stand for them in stored keys. Filled from a checkpoint,
/// then claimed and added to by the operators of the run. An id is not given out anew while what
/// was saved under it may still be stored.
///
/// **Thread safety**: none; used while a job is built, on one thread.
class StateCatalog {
 public:
  StateCatalog() = default;
  explicit StateCatalog(std::vector<CataloguedState> saved);

  /// The id of an operator's state, a new one where the state is new. Every instance of an operator
  /// declares the same; `worker` tells instances apart.
  /// kInvalidArgument: this instance has declared the name already, or the ids (65,536) are used
  /// up; kFailedPrecondition: the saved state, or another instance's, has another kind or type; the
  /// message shows both. Schemas may differ: what can be migrated is up to who reads the entries.
  StatusOr<StateId> declare(std::string_view operatorName, std::size_t worker,
                            const StateDeclaration& declaration);

  /// Saved states that no operator has declared.
  std::vector<CataloguedState> unclaimed() const;
  /// Forgets a state: what is stored of it may go.
  void drop(StateId id);

  /// In order of ids; the declarations of this run where there are some.
  const std::vector<CataloguedState>& states() const { return states_; }
  /// As saved, before this run's declarations.
  const CataloguedState* saved(StateId id) const;
  const CataloguedState* saved(std::string_view operatorName, std::string_view name) const;

 private:
  std::vector<CataloguedState> states_;
  std::vector<CataloguedState> saved_;
  std::vector<std::vector<std::size_t>> claims_;  // by position in states_: the instances
};

}  // namespace millrace
