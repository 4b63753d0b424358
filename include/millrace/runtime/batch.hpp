// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/check.hpp>
#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace millrace {

class BatchPool;

/// A run of records that moves through the graph as one: values of one type in
/// one column, their event times in another.
///
/// **Thread safety**: owned by one thread at a time; ownership travels in a BatchPtr.
///
/// **Invariants**
/// 1. Slots beyond size() stay constructed, so a recycled batch allocates nothing:
///    a string in a slot keeps its capacity from record to record.
/// 2. cursor() <= size(); records before the cursor have been consumed.
/// 3. A batch goes back to the pool it came from, whichever thread drops it.
class Batch {
 public:
  virtual ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  std::size_t size() const { return size_; }
  bool isEmpty() const { return size_ == 0; }
  Timestamp time(std::size_t index) const { return times_[index]; }
  const Timestamp* times() const { return times_.data(); }
  void setTime(std::size_t index, Timestamp time) { times_[index] = time; }

  /// The first record not consumed yet; an operator that stops because its output
  /// is full leaves it here and goes on from it when called again.
  std::size_t cursor() const { return cursor_; }
  void setCursor(std::size_t cursor) { cursor_ = cursor; }
  bool isConsumed() const { return cursor_ == size_; }

  void clear() {
    size_ = 0;
    cursor_ = 0;
  }

  /// Drops the records from `size` on. REQUIRES: size <= size().
  void truncate(std::size_t size) { size_ = size; }

  /// Appends copies of all records of `other`, a batch of the same type.
  virtual void appendCopyOf(const Batch& other) = 0;

 protected:
  Batch();

  void resizeTimes(std::size_t slots);

  std::size_t size_ = 0;
  std::size_t cursor_ = 0;
  std::vector<Timestamp> times_;

 private:
  friend class BatchPool;
  BatchPool* home_ = nullptr;
  Batch* next_ = nullptr;  // in the pool's lists only
};

/// Gives a batch back to its pool.
struct BatchRecycler {
  void operator()(Batch* batch) const noexcept;
};
using BatchPtr = std::unique_ptr<Batch, BatchRecycler>;

/// A batch of records of type T.
/// REQUIRES: T is default-initialisable, movable and copyable.
template <typename T>
class TypedBatch final : public Batch {
 public:
  const T& operator[](std::size_t index) const { return values_[index]; }
  T& operator[](std::size_t index) { return values_[index]; }

  /// Adds a record and returns its slot, which holds whatever value was there
  /// before: assign all of it.
  T& append(Timestamp time) {
    if (size_ == capacity_) [[unlikely]]
      grow();
    times_[size_] = time;
    return values_[size_++];
  }

  /// Makes room for `slots` records in all. Slots, and pointers to them, then stay where they are.
  void reserve(std::size_t slots) {
    if (slots > capacity_) regrow(slots);
  }

  /// For writers of many records: slot i and its event time, up to what was reserved;
  /// setSize() says afterwards how many there are.
  T* slots() { return values_.get(); }
  Timestamp* slotTimes() { return times_.data(); }
  void setSize(std::size_t size) { size_ = size; }

  /// Moves the record at `from` down to `to`; the slots swap their values so that
  /// neither loses its buffers. REQUIRES: to <= from.
  void compact(std::size_t to, std::size_t from) {
    if (to == from) return;
    std::swap(values_[to], values_[from]);
    times_[to] = times_[from];
  }

  void appendCopyOf(const Batch& other) override {
    const auto& source = static_cast<const TypedBatch&>(other);
    for (std::size_t i = source.cursor(); i < source.size(); ++i)
      append(source.time(i)) = source[i];
  }

 private:
  // Never inlined: it runs a few times in a batch's life, and would be copied to every append().
  [[gnu::noinline, gnu::cold]] void grow() { regrow(capacity_ == 0 ? kFirstSlots : capacity_ * 2); }

  [[gnu::noinline, gnu::cold]] void regrow(std::size_t slots) {
    std::unique_ptr<T[]> values(new T[slots]());
    for (std::size_t i = 0; i < size_; ++i) values[i] = std::move(values_[i]);
    values_.swap(values);
    resizeTimes(slots);
    capacity_ = slots;
  }

  static constexpr std::size_t kFirstSlots = 16;

  std::unique_ptr<T[]> values_;  // not a vector: a vector of bool hands out no references
  std::size_t capacity_ = 0;
};

/// Keeps a loop's position and writes it to the batch when the loop ends, also by
/// an exception: the position tells which record a user's function failed on.
class BatchCursor {
 public:
  explicit BatchCursor(Batch& batch) : batch_(batch), index_(batch.cursor()) {}
  ~BatchCursor() { batch_.setCursor(index_); }
  BatchCursor(const BatchCursor&) = delete;
  BatchCursor& operator=(const BatchCursor&) = delete;

  std::size_t operator*() const { return index_; }
  BatchCursor& operator++() {
    ++index_;
    return *this;
  }
  bool atEnd() const { return index_ >= batch_.size(); }

 private:
  Batch& batch_;
  std::size_t index_;
};

}  // namespace millrace
