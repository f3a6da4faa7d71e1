// FixedList<T, N>: up to N elements in place, without the heap.
//
// For a few things whose bound is known (the links of a pair): they lie inside of their owner,
// never move once added, and no growth can fail or allocate. Adding one too many is a CHECK.
// std::vector is not used where the addon can do without: it pulls in a symbol of a newer libstdc++
// than Node.js asks for.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "base/check.hpp"

namespace hotpair {

template <typename T, std::size_t kCapacity>
class FixedList {
 public:
  FixedList() noexcept = default;
  FixedList(const FixedList& other) noexcept {
    for (const T& each : other) push_back(each);
  }
  FixedList(FixedList&& other) noexcept {
    for (T& each : other) push_back(std::move(each));
  }
  FixedList& operator=(const FixedList&) = delete;
  ~FixedList() { std::destroy(begin(), end()); }

  void push_back(T element) noexcept {
    CHECK(size_ < kCapacity);
    std::construct_at(begin() + size_, std::move(element));
    ++size_;
  }

  T* begin() noexcept { return slots_.elements; }
  T* end() noexcept { return begin() + size_; }
  const T* begin() const noexcept { return slots_.elements; }
  const T* end() const noexcept { return begin() + size_; }

  T& operator[](std::size_t index) noexcept {
    CHECK(index < size_);
    return begin()[index];
  }
  const T& operator[](std::size_t index) const noexcept {
    CHECK(index < size_);
    return begin()[index];
  }
  std::size_t size() const noexcept { return size_; }

 private:
  // A union, so that elements begin to live when they are added and not before.
  union Slots {
    Slots() noexcept {}
    ~Slots() {}
    T elements[kCapacity];
  } slots_;
  std::size_t size_ = 0;
};

}  // namespace hotpair
