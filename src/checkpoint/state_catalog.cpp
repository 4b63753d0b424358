// SPDX-License-Identifier: MIT
#include <millrace/checkpoint/state_catalog.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace millrace {
namespace {

std::string typeText(const StateDeclaration& state) {
  return fmt::format("{} of {} by {}", state.kind, state.valueType, state.keyType);
}

bool haveSameType(const StateDeclaration& a, const StateDeclaration& b) {
  return a.kind == b.kind && a.keyType == b.keyType && a.valueType == b.valueType;
}

// All ids are below this. REQUIRES: in order of ids.
std::size_t idsBelow(const std::vector<CataloguedState>& states) {
  return states.empty() ? 0 : static_cast<std::size_t>(states.back().id) + 1;
}

}  // namespace

StateCatalog::StateCatalog(std::vector<CataloguedState> saved)
    : states_(saved), saved_(std::move(saved)), claims_(states_.size()) {}

StatusOr<StateId> StateCatalog::declare(std::string_view operatorName, std::size_t worker,
                                        const StateDeclaration& declaration) {
  const auto known =
      std::find_if(states_.begin(), states_.end(), [&](const CataloguedState& state) {
        return state.operatorName == operatorName && state.declaration.name == declaration.name;
      });
  if (known == states_.end()) {
    const std::size_t next = std::max(idsBelow(states_), idsBelow(saved_));
    if (next > std::numeric_limits<std::uint16_t>::max()) {
      return absl::InvalidArgumentError("there are more than 65,536 states");
    }
    const StateId id{static_cast<std::uint16_t>(next)};
    states_.push_back({id, std::string(operatorName), declaration});
    claims_.push_back({worker});
    return id;
  }
  std::vector<std::size_t>& claims = claims_[static_cast<std::size_t>(known - states_.begin())];
  if (std::find(claims.begin(), claims.end(), worker) != claims.end()) {
    return absl::InvalidArgumentError(
        fmt::format("operator '{}' declares state '{}' twice", operatorName, declaration.name));
  }
  if (!haveSameType(known->declaration, declaration)) {
    return absl::FailedPreconditionError(fmt::format(
        "state '{}' of operator '{}' is a {}, but was saved as a {} (give the new state another "
        "name, or go back to the old type)",
        declaration.name, operatorName, typeText(declaration), typeText(known->declaration)));
  }
  claims.push_back(worker);
  // Entries that nobody has written anew are still in the schemas of before.
  std::vector<std::string> schemas = declaration.schemas;
  for (std::string& older : known->declaration.schemas) {
    if (std::find(schemas.begin(), schemas.end(), older) == schemas.end()) {
      schemas.push_back(std::move(older));
    }
  }
  known->declaration = declaration;
  known->declaration.schemas = std::move(schemas);
  return known->id;
}

std::vector<CataloguedState> StateCatalog::unclaimed() const {
  std::vector<CataloguedState> without;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (claims_[i].empty()) without.push_back(states_[i]);
  }
  return without;
}

void StateCatalog::drop(StateId id) {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (states_[i].id != id) continue;
    states_.erase(states_.begin() + static_cast<std::ptrdiff_t>(i));
    claims_.erase(claims_.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

const CataloguedState* StateCatalog::saved(StateId id) const {
  for (const CataloguedState& state : saved_) {
    if (state.id == id) return &state;
  }
  return nullptr;
}

const CataloguedState* StateCatalog::saved(std::string_view operatorName,
                                           std::string_view name) const {
  for (const CataloguedState& state : saved_) {
    if (state.operatorName == operatorName && state.declaration.name == name) return &state;
  }
  return nullptr;
}

}  // namespace millrace
