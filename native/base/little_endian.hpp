// Numbers in byte layouts: little-endian, at any alignment.
//
// Every layout that leaves a function's own memory (batches from JavaScript, chunks, packets) is
// read and written by these, so that no pointer is ever cast to a struct and any processor gives
// the same bytes. They do not check bounds: the caller has.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hotpair {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big,
              "a mixed byte order is not supported");

template <std::unsigned_integral T>
T load_little(const std::uint8_t* at) noexcept {
  T value;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&value, at, sizeof value);
  } else {
    value = 0;
    for (std::size_t i = sizeof value; i > 0; --i) value = static_cast<T>((value << 8) | at[i - 1]);
  }
  return value;
}

template <std::unsigned_integral T>
void store_little(std::uint8_t* at, T value) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(at, &value, sizeof value);
  } else {
    for (std::size_t i = 0; i < sizeof value; ++i)
      at[i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

}  // namespace hotpair
