// Arguments from JavaScript, checked before memory is touched with them.
//
// lib/native/ checks shapes and bounds before it calls, with sentences for people; here is checked
// again what would corrupt memory or be undefined in C++. Each function returns nothing and leaves
// a TypeError or RangeError pending when the argument is not what the contract says: return at once
// then.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "addon/napi_clean.hpp"

namespace hotpair::addon {

// The bytes of `value` when it is a Uint8Array; nothing, and nothing pending, otherwise.
std::optional<std::span<std::uint8_t>> bytes_of(Napi::Env env, Napi::Value value);

// The bytes of a Uint8Array (a Buffer is one). They are JavaScript's: valid during the call only,
// and only while no JavaScript runs.
std::optional<std::span<std::uint8_t>> bytes_argument(const Napi::CallbackInfo& info,
                                                      std::size_t index);

// The elements of a Uint32Array, under the same rule.
std::optional<std::span<std::uint32_t>> words_argument(const Napi::CallbackInfo& info,
                                                       std::size_t index);

// A whole number from `least` to `most`; `most` is at most 2^53 - 1.
std::optional<std::uint64_t> whole_argument(const Napi::CallbackInfo& info, std::size_t index,
                                            std::uint64_t least, std::uint64_t most);

// The largest whole number that JavaScript holds exactly.
inline constexpr std::uint64_t kMaxSafeInteger = (std::uint64_t{1} << 53) - 1;

}  // namespace hotpair::addon
