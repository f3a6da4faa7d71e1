// The layouts and codes of the heartbeat for JavaScript.
//
// Offsets are written once, in C++, and read by JavaScript as facts: TypeScript never types one.
#pragma once

#include "addon/napi_clean.hpp"

namespace hotpair::addon {

// Adds them to `facts`.
void heartbeat_facts(Napi::Env env, Napi::Object facts);

}  // namespace hotpair::addon
