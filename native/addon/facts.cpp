// The exports that belong to no object: the ABI number, the error codes, the clock, the check sum.
// Facts of a part (layouts, state codes) are added by that part's register function.
#include <cstdint>
#include <iterator>

#include "addon/addon.hpp"
#include "addon/args.hpp"
#include "base/clock.hpp"
#include "base/crc32c.hpp"
#include "base/result.hpp"

namespace hotpair::addon {
namespace {

constexpr const char* kErrorNames[] = {
#define HOTPAIR_ERROR(enumerator, name) name,
#include "base/error_code.def"
};

Napi::Value crc32c_of(const Napi::CallbackInfo& info) {
  const auto data = bytes_argument(info, 0);
  if (!data) return {};
  return Napi::Number::New(info.Env(), crc32c(*data));
}

Napi::Value monotonic_nanos_now(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), monotonic_nanos());
}

}  // namespace

void register_facts(Napi::Env env, Napi::Object exports, Napi::Object facts) {
  Napi::Array codes = Napi::Array::New(env, std::size(kErrorNames));
  std::uint32_t index = 0;
  for (const char* name : kErrorNames) codes[index++] = Napi::String::New(env, name);
  codes.Freeze();
  facts["errorCodes"] = codes;

  exports["abi"] = Napi::Number::New(env, kAbi);
  exports["crc32c"] = Napi::Function::New<crc32c_of>(env, "crc32c");
  exports["monotonicNanos"] = Napi::Function::New<monotonic_nanos_now>(env, "monotonicNanos");
}

}  // namespace hotpair::addon
