// The start and the end of an environment's beat thread; see heartbeat_thread.hpp.
#include "addon/heartbeat_thread.hpp"

#include <utility>

#include "addon/addon.hpp"
#include "base/check.hpp"

namespace hotpair::addon {

Result<HeartbeatThread*> HeartbeatThread::of(napi_env env) {
  auto& kept = AddonData::of(env).heartbeat_thread;
  if (kept == nullptr) {
    auto made = std::make_unique<HeartbeatThread>(env);
    const Result<void> started = made->start();
    if (!started.ok()) return started.error();
    kept = std::move(made);
  }
  return kept.get();
}

Result<void> HeartbeatThread::start() {
  if (!bell_.open(env_, &answer)) {
    return Error{ErrorCode::kNative, "making the doorbell of the beat thread"};
  }
  auto started = heartbeat::BeatLoop::start(
      {[](void* bell) noexcept { static_cast<Doorbell*>(bell)->ring(); }, &bell_});
  if (!started.ok()) {
    bell_.close();
    return started.error();
  }
  loop_ = std::move(started).value();
  // After the bell was made, so that it runs before the bell's own; see doorbell.hpp.
  CHECK(napi_add_env_cleanup_hook(env_, &end, this) == napi_ok);
  return {};
}

void HeartbeatThread::end(void* self) {
  auto* thread = static_cast<HeartbeatThread*>(self);
  thread->loop_->stop();
  thread->bell_.close();
}

// The environment's data goes after the hooks; objects of JavaScript may go later still.
HeartbeatThread::~HeartbeatThread() {
  if (loop_ != nullptr) end(this);
  while (listeners_ != nullptr) remove(*listeners_);
}

void HeartbeatThread::add(Listener& listener) noexcept {
  listener.thread_ = this;
  listener.next_ = listeners_;
  listeners_ = &listener;
}

void HeartbeatThread::remove(Listener& listener) noexcept {
  Listener** at = &listeners_;
  while (*at != &listener) {
    CHECK(*at != nullptr);
    at = &(*at)->next_;
  }
  *at = listener.next_;
  listener.thread_ = nullptr;
}

void HeartbeatThread::answer(napi_env env) {
  HeartbeatThread* self = AddonData::of(env).heartbeat_thread.get();
  // All before any: a callback may take long.
  for (Listener* at = self->listeners_; at != nullptr; at = at->next_) at->vouch();
  // A callback may open and close pairs, so the search begins anew after each.
  for (Listener* at = self->listeners_; at != nullptr;) {
    if (!at->take_news()) {
      at = at->next_;
      continue;
    }
    at->tell(env);
    at = self->listeners_;
  }
}

}  // namespace hotpair::addon
