// HeartbeatOptions of lib/native/binding.ts as a PairConfig.
//
// lib/native/heartbeat.ts has shaped them; what is checked here is what C++ would CHECK or misread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "addon/napi_clean.hpp"
#include "heartbeat/beat_pair.hpp"

namespace hotpair::addon {

// Nothing, with an exception pending, when they are not what the contract says.
std::optional<heartbeat::PairConfig> heartbeat_options(Napi::Env env, Napi::Value options);

// A numeric host. Nothing, with ERR_HOTPAIR_ADDRESS pending, when it is none.
std::optional<heartbeat::Address> address_of(Napi::Env env, const std::string& host,
                                             std::uint16_t port);

}  // namespace hotpair::addon
