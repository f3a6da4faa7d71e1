// Points in time and durations, as types that do not mix.
//
// Only `Instant - Instant` gives Nanos, and only an Instant of the same clock: a point on the
// boot-time clock (BootInstant, which also runs while the machine is suspended) cannot be compared
// with one on the monotonic clock. 64 bits of nanoseconds last 292 years.
#pragma once

#include <compare>
#include <cstdint>

namespace hotpair {

// A duration in nanoseconds; may be negative as the difference of two points.
struct Nanos {
  std::int64_t count = 0;

  static constexpr Nanos micros(std::int64_t value) { return {value * 1'000}; }
  static constexpr Nanos millis(std::int64_t value) { return {value * 1'000'000}; }

  friend constexpr auto operator<=>(Nanos, Nanos) = default;
  friend constexpr Nanos operator+(Nanos a, Nanos b) { return {a.count + b.count}; }
  friend constexpr Nanos operator-(Nanos a, Nanos b) { return {a.count - b.count}; }
  friend constexpr Nanos operator*(Nanos a, std::int64_t factor) { return {a.count * factor}; }
  friend constexpr Nanos operator/(Nanos a, std::int64_t divisor) { return {a.count / divisor}; }
};

// A point on the clock that `Clock` names.
template <typename Clock>
struct PointOf {
  std::int64_t nanos = 0;

  friend constexpr auto operator<=>(PointOf, PointOf) = default;
  friend constexpr Nanos operator-(PointOf a, PointOf b) { return {a.nanos - b.nanos}; }
  friend constexpr PointOf operator+(PointOf a, Nanos b) { return {a.nanos + b.count}; }
  friend constexpr PointOf operator-(PointOf a, Nanos b) { return {a.nanos - b.count}; }
};

// CLOCK_MONOTONIC: stands still while the machine is suspended.
using Instant = PointOf<struct MonotonicClock>;
// CLOCK_BOOTTIME: runs on while the machine is suspended.
using BootInstant = PointOf<struct BootClock>;

// A point that never comes.
inline constexpr Instant kNever{INT64_MAX};

}  // namespace hotpair
