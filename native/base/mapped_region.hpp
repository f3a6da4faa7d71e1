// Memory straight from the operating system, page-aligned and zero at first.
//
// It is used for what may be large and mostly untouched: a page costs memory only once it is
// written, so a bound can be reserved as a whole at open and nothing is allocated afterwards. Where
// the system has no memory left for a page, the process is ended by it and not by an error: the
// bound is the protection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace hotpair {

class MappedRegion {
 public:
  // Reserves `bytes`, at least 1. Fails with kNoMemory; `action` names the purpose in the error.
  static Result<MappedRegion> open(std::size_t bytes, const char* action) noexcept;

  MappedRegion() noexcept = default;
  ~MappedRegion() { close(); }
  MappedRegion(MappedRegion&& other) noexcept;
  MappedRegion& operator=(MappedRegion&& other) noexcept;
  MappedRegion(const MappedRegion&) = delete;
  MappedRegion& operator=(const MappedRegion&) = delete;

  // Gives the memory back; every pointer into it is dead. Idempotent.
  void close() noexcept;

  std::uint8_t* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::span<std::uint8_t> bytes() const noexcept { return {data_, size_}; }

 private:
  MappedRegion(std::uint8_t* data, std::size_t size) noexcept : data_(data), size_(size) {}

  // Null exactly when size_ is 0.
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace hotpair
