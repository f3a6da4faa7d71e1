// Makes the sentence of an Error; see js_error.hpp.
#include "addon/js_error.hpp"

#include <system_error>

namespace hotpair::addon {

std::string sentence_of(const Error& error) {
  std::string message = error.action;
  if (error.os_error != 0) {
    message += " failed: " + std::generic_category().message(error.os_error);
  }
  if (error.wanted_bytes != 0) {
    message += " (" + std::to_string(error.wanted_bytes) + " bytes were wanted)";
  }
  return message;
}

Napi::Error error_of(Napi::Env env, const Error& error) {
  Napi::Error made = Napi::Error::New(env, sentence_of(error));
  made.Set("code", Napi::String::New(env, error_name(error.code)));
  return made;
}

void throw_error(Napi::Env env, const Error& error) {
  error_of(env, error).ThrowAsJavaScriptException();
}

void throw_closed(Napi::Env env, const char* what) {
  const std::string message = std::string("the ") + what + " is closed";
  Napi::Error thrown = Napi::Error::New(env, message);
  thrown.Set("code", Napi::String::New(env, error_name(ErrorCode::kClosed)));
  thrown.ThrowAsJavaScriptException();
}

}  // namespace hotpair::addon
