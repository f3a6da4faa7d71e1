// Input: the bytes that a fuzzer hands to a target, taken from the front as numbers and pieces.
//
// It never ends: behind the last byte come zeros, so that each prefix of an input is an input too
// and a shorter one that finds the same is as good. A target is one function of these bytes, keeps
// nothing from one call to the next, and ends the process by CHECK when a promise is broken; the
// sanitizers end it for the rest.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.hpp"
#include "base/little_endian.hpp"

// What libFuzzer calls. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace hotpair::fuzz {

using Bytes = std::vector<std::uint8_t>;

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) noexcept : rest_(data, size) {}

  bool is_empty() const noexcept { return rest_.empty(); }

  template <std::unsigned_integral T>
  T number() noexcept {
    std::uint8_t bytes[sizeof(T)] = {};
    const auto taken = take(sizeof(T));
    std::copy(taken.begin(), taken.end(), bytes);
    return load_little<T>(bytes);
  }
  std::uint8_t byte() noexcept { return number<std::uint8_t>(); }
  // Up to, not including, `end`.
  std::size_t below(std::size_t end) noexcept {
    return end <= 256 ? byte() % end : number<std::uint32_t>() % end;
  }
  bool flag() noexcept { return byte() % 2 != 0; }

  // At most `count` bytes.
  std::span<const std::uint8_t> take(std::size_t count) noexcept {
    const auto front = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(front.size());
    return front;
  }
  // Exactly `count` bytes, in memory of their own: whoever reads beyond them is found.
  Bytes bytes(std::size_t count) {
    Bytes made(count);
    const auto front = take(count);
    std::copy(front.begin(), front.end(), made.begin());
    return made;
  }

  // A number as such things often are: next to `near`, at the end of what there is, or anything.
  std::uint64_t near(std::uint64_t near) noexcept {
    const std::uint8_t choice = byte();
    switch (choice) {
      case 255:
        return number<std::uint64_t>();
      case 254:
        return UINT64_MAX;
      case 253:
        return std::uint64_t{1} << 63;
      case 252:
        return (std::uint64_t{1} << 63) - 1;
      default:
        return near + choice % 8 - 3;
    }
  }

 private:
  std::span<const std::uint8_t> rest_;
};

// Overwrites some bytes of what was made well.
inline void damage(Input& input, std::span<std::uint8_t> bytes) noexcept {
  if (bytes.empty()) return;
  for (std::size_t count = input.below(4); count > 0; --count) {
    bytes[input.below(bytes.size())] = input.byte();
  }
}

}  // namespace hotpair::fuzz
