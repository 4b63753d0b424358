// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/hash.hpp>
#include <millrace/operators/source_operator.hpp>
#include <millrace/operators/stateless.hpp>
#include <millrace/serde/serde.hpp>
#include <millrace/state/keyed_rows.hpp>

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>

namespace millrace {

/// What can be a record: batches recycle slots, so a record can be made empty, copied and assigned.
template <typename T>
concept Record =
    std::default_initializable<T> && std::copyable<T> && std::same_as<T, std::remove_cvref_t<T>>;

/// map: `U f(const T&)`, or a pointer to a member.
template <typename F, typename T>
concept MapFunction =
    std::invocable<F&, const T&> && !std::is_void_v<std::invoke_result_t<F&, const T&>>;

/// filter: `bool f(const T&)`, or a pointer to a bool member.
template <typename F, typename T>
concept FilterFunction = std::predicate<F&, const T&>;

/// flatMap<U>: `void f(const T&, Collector<U>&)`.
template <typename F, typename T, typename U>
concept FlatMapFunction = std::invocable < F&,
        const T&, Collector<U>
& > ;

/// peek: `void f(const T&)`.
template <typename F, typename T>
concept PeekFunction = std::invocable<F&, const T&>;

/// keyBy: `K f(const T&)`, or a pointer to a member.
template <typename F, typename T>
concept KeyFunction =
    std::invocable<const F&, const T&> && !std::is_void_v<std::invoke_result_t<const F&, const T&>>;

template <typename F, typename T>
using KeyTypeOf = std::remove_cvref_t<std::invoke_result_t<const F&, const T&>>;

/// timestamps: `Timestamp f(const T&)`, an optional one, or a pointer to a member; or nothing, when
/// the connector knows the times.
template <typename F, typename T>
concept TimestampFunction = std::same_as<F, ConnectorTimestamps> ||
    (std::invocable<F&, const T&>&&
         std::convertible_to<std::invoke_result_t<F&, const T&>, std::optional<Timestamp>>);

/// reduce: `T f(const T&, const T&)`.
template <typename F, typename T>
concept ReduceFunction = std::invocable<const F&, const T&, const T&> &&
    std::convertible_to<std::invoke_result_t<const F&, const T&, const T&>, T>;

}  // namespace millrace
