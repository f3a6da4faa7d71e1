// SharedWords: the words of one pair with their users counted: the pair's object, and each
// ArrayBuffer over a part of them.
//
// They lie in this process's own memory or in a region that is shared with a unit, and go with the
// last user, so that JavaScript can never touch memory that is gone. All users are on the
// JavaScript thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "addon/js_error.hpp"
#include "addon/napi_clean.hpp"
#include "base/check.hpp"
#include "base/clock.hpp"
#include "base/shared_region.hpp"
#include "heartbeat/pair_words.hpp"

namespace hotpair::addon {

class SharedWords {
 public:
  // Own memory.
  SharedWords() : own_(std::make_unique<heartbeat::PairWords>(boot_now())), words_(own_.get()) {}
  // Those of a region, which is kept by somebody else until `keep`.
  explicit SharedWords(heartbeat::PairWords& words) noexcept : words_(&words) {}

  heartbeat::PairWords& words() noexcept { return *words_; }
  // The gate of the pair's object as long as there is one, null afterwards: each function that asks
  // it is a user of this, and may outlive the object.
  const heartbeat::Gate* gate = nullptr;
  void keep(SharedRegion region) noexcept { region_ = std::move(region); }

  void use() noexcept { ++users_; }
  static void let_go(SharedWords* self) noexcept {
    CHECK(self->users_ > 0);
    if (--self->users_ == 0) std::unique_ptr<SharedWords>(self).reset();
  }

  // An ArrayBuffer over `bytes` of the words at `begin`, which becomes another user. Nothing with
  // an exception pending.
  std::optional<Napi::ArrayBuffer> buffer_over(Napi::Env env, void* begin, std::size_t bytes) {
    napi_value buffer = nullptr;
    const auto collect = [](napi_env, void*, void* hint) {
      let_go(static_cast<SharedWords*>(hint));
    };
    if (napi_create_external_arraybuffer(env, begin, bytes, collect, this, &buffer) != napi_ok) {
      // A build of V8 with a memory cage has no ArrayBuffers over foreign memory.
      throw_error(env, {ErrorCode::kNative, "making an ArrayBuffer over the beat board"});
      return {};
    }
    use();
    return Napi::ArrayBuffer(env, buffer);
  }

 private:
  std::unique_ptr<heartbeat::PairWords> own_;
  SharedRegion region_;
  heartbeat::PairWords* words_;
  int users_ = 1;
};

struct LetGo {
  void operator()(SharedWords* words) const noexcept { SharedWords::let_go(words); }
};
using WordsUse = std::unique_ptr<SharedWords, LetGo>;

}  // namespace hotpair::addon
