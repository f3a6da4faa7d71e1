// What belongs to one environment (the main thread of Node.js or one worker) of the addon.
//
// Each environment that loads the addon gets its own AddonData as instance data, so that workers
// and several copies never share anything; there is no global in the process. One register_*
// function per object file adds its exports and its part of `facts`.
#pragma once

#include <memory>

#include "addon/napi_clean.hpp"

namespace hotpair::addon {

// The contract of lib/native/binding.ts (`bindingAbi`) that this addon carries out.
inline constexpr int kAbi = 8;

class HeartbeatThread;
class RegionObject;

struct AddonData {
  AddonData();
  ~AddonData();

  // The classes, kept so that the open functions can construct them; see handle.hpp.
  Napi::FunctionReference outbox_class;
  Napi::FunctionReference chunk_writer_class;
  Napi::FunctionReference chunk_reader_class;
  Napi::FunctionReference heartbeat_class;
  Napi::FunctionReference unit_class;
  Napi::FunctionReference region_class;
  // What is called when a unit has something new to report.
  Napi::FunctionReference unit_ring;
  // The first of the open regions, which are linked; null without one.
  RegionObject* regions = nullptr;
  // The beat thread of this environment; null before its first pair.
  std::unique_ptr<HeartbeatThread> heartbeat_thread;
  // The object that the running open function hands to the constructor it calls; else null.
  void* being_born = nullptr;

  // The data of `env`. Never null after the module was initialised.
  static AddonData& of(Napi::Env env);
};

void register_facts(Napi::Env env, Napi::Object exports, Napi::Object facts);
void register_outbox(Napi::Env env, Napi::Object exports, Napi::Object facts);
void register_heartbeat(Napi::Env env, Napi::Object exports, Napi::Object facts);
void register_unit(Napi::Env env, Napi::Object exports);
void register_region(Napi::Env env, Napi::Object exports, Napi::Object facts);
void register_snapshot(Napi::Env env, Napi::Object exports, Napi::Object facts);

}  // namespace hotpair::addon
