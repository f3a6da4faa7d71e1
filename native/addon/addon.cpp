// The entry of the addon: makes the data of the environment, then lets each part register itself.
// It knows no part's inside; the order of registration has no meaning.
#include "addon/addon.hpp"

#include <memory>

#include "addon/heartbeat_thread.hpp"
#include "base/check.hpp"

namespace hotpair::addon {
namespace {

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(std::make_unique<AddonData>().release());
  Napi::Object facts = Napi::Object::New(env);
  register_facts(env, exports, facts);
  register_outbox(env, exports, facts);
  register_heartbeat(env, exports, facts);
  register_snapshot(env, exports, facts);
  register_region(env, exports, facts);
  register_unit(env, exports);
  facts.Freeze();
  exports["facts"] = facts;
  return exports;
}

}  // namespace

AddonData::AddonData() = default;
AddonData::~AddonData() = default;

AddonData& AddonData::of(Napi::Env env) {
  AddonData* data = env.GetInstanceData<AddonData>();
  CHECK(data != nullptr);
  return *data;
}

}  // namespace hotpair::addon

using hotpair::addon::initialise;
NODE_API_MODULE(NODE_GYP_MODULE_NAME, initialise)
