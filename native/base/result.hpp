// Result<T>: a value, or the error that stood in its way.
//
// No C++ exception may exist in this addon, so a call that can fail for a reason outside of the
// program returns a Result, and the compiler warns when it is dropped. An Error keeps the stable
// code, the failing call and errno; sentences are made of them in addon/js_error, never here.
// Reading the wrong side of a Result is a CHECK: ask `ok()` first.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.hpp"

namespace hotpair {

enum class ErrorCode : std::uint8_t {
#define HOTPAIR_ERROR(enumerator, name) enumerator,
#include "base/error_code.def"
};

// How many there are.
inline constexpr unsigned kErrorCodes = 0
#define HOTPAIR_ERROR(enumerator, name) +1
#include "base/error_code.def"
    ;

// The stable name, "ERR_HOTPAIR_...", as lib/errors.ts spells it.
const char* error_name(ErrorCode code) noexcept;

struct Error {
  ErrorCode code;
  // What was tried, as a literal: "bind", "allocating the staging".
  const char* action;
  // errno of that call, or 0 when the operating system had no part in it.
  int os_error = 0;
  // How many bytes of memory were asked for, or 0 when it was not about memory.
  std::uint64_t wanted_bytes = 0;
};

template <typename T>
class [[nodiscard]] Result {
  static_assert(std::is_nothrow_move_constructible_v<T>, "a Result is moved without exceptions");

 public:
  Result(T value) noexcept
      : value_(std::move(value)) {}  // NOLINT: implicit, so that `return value;` works.
  Result(Error error) noexcept
      : error_(error) {}  // NOLINT: implicit, so that `return Error{...};` works.

  bool ok() const noexcept { return value_.has_value(); }

  const Error& error() const noexcept {
    CHECK(!ok());
    return error_;
  }

  T& value() & noexcept {
    CHECK(ok());
    return *value_;
  }
  const T& value() const& noexcept {
    CHECK(ok());
    return *value_;
  }
  T&& value() && noexcept {
    CHECK(ok());
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
  // Meaningful only without a value.
  Error error_{};
};

// The outcome of a call that returns nothing but may fail.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() noexcept = default;
  Result(Error error) noexcept
      : error_(error) {}  // NOLINT: implicit, so that `return Error{...};` works.

  bool ok() const noexcept { return !error_.has_value(); }

  const Error& error() const noexcept {
    CHECK(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace hotpair
