// The thread-safe function behind the bell, by plain Node-API; see doorbell.hpp.
#include "addon/doorbell.hpp"

#include <bit>

#include "base/check.hpp"

namespace hotpair::addon {
namespace {

// The queue holds one entry: further rings find it full.
constexpr std::size_t kQueue = 1;

static_assert(sizeof(Doorbell::Answer) == sizeof(void*));

// `context` is the answer itself, so that nothing has to outlive anything.
void call(napi_env env, napi_value, void* context, void*) {
  // The queue is being emptied because the environment ends.
  if (env == nullptr) return;
  std::bit_cast<Doorbell::Answer>(context)(env);
}

}  // namespace

bool Doorbell::open(napi_env env, Answer answer) noexcept {
  CHECK(function_ == nullptr);
  napi_value name = nullptr;
  if (napi_create_string_utf8(env, "hotpair doorbell", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, nullptr, nullptr, name, kQueue, 1, nullptr, nullptr,
                                      std::bit_cast<void*>(answer), &call, &function_) != napi_ok) {
    function_ = nullptr;
    return false;
  }
  static_cast<void>(napi_unref_threadsafe_function(env, function_));
  return true;
}

void Doorbell::close() noexcept {
  if (function_ == nullptr) return;
  // After napi_closing the ringer's share is gone already, and a release would be one too many.
  if (!is_closing_) {
    static_cast<void>(napi_release_threadsafe_function(function_, napi_tsfn_abort));
  }
  function_ = nullptr;
}

void Doorbell::ring() noexcept {
  if (is_closing_) return;
  const napi_status status =
      napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
  is_closing_ = status == napi_closing;
  CHECK(status == napi_ok || status == napi_queue_full || status == napi_closing);
}

}  // namespace hotpair::addon
