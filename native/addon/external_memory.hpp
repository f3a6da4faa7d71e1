// Tells V8 of memory that a JavaScript object keeps alive outside of the heap.
//
// Without it the garbage collector sees a handle of some bytes where a gigabyte of staging hangs,
// and lets dropped ones pile up. One owner of memory has one of these beside it, and the account is
// closed with it.
#pragma once

#include <cstdint>
#include <utility>

#include "addon/napi_clean.hpp"

namespace hotpair::addon {

class ExternalMemory {
 public:
  ExternalMemory(Napi::Env env, std::size_t bytes) noexcept
      : env_(env), bytes_(static_cast<std::int64_t>(bytes)) {
    adjust(bytes_);
  }
  ~ExternalMemory() { adjust(-bytes_); }
  ExternalMemory(ExternalMemory&& other) noexcept
      : env_(other.env_), bytes_(std::exchange(other.bytes_, 0)) {}
  ExternalMemory& operator=(ExternalMemory&&) = delete;
  ExternalMemory(const ExternalMemory&) = delete;
  ExternalMemory& operator=(const ExternalMemory&) = delete;

 private:
  // A refusal is passed over: the account only guides the collector.
  void adjust(std::int64_t change) const noexcept {
    std::int64_t total = 0;
    if (change != 0) static_cast<void>(napi_adjust_external_memory(env_, change, &total));
  }

  napi_env env_;
  std::int64_t bytes_;
};

}  // namespace hotpair::addon
