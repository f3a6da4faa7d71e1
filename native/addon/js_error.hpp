// Errors of C++ as errors of JavaScript.
//
// The only place where sentences are made of codes and errno. An error has `code`, one of
// facts.errorCodes; lib/native/ turns it into a NativeError with the same code.
#pragma once

#include <string>

#include "addon/napi_clean.hpp"
#include "base/result.hpp"

namespace hotpair::addon {

// What was tried and what came of it.
std::string sentence_of(const Error& error);
// For whoever reports it later.
Napi::Error error_of(Napi::Env env, const Error& error);
// Leaves the error pending. Return to JavaScript at once after it.
void throw_error(Napi::Env env, const Error& error);

// Leaves ERR_HOTPAIR_CLOSED pending: a method was called on a handle after its close().
void throw_closed(Napi::Env env, const char* what);

}  // namespace hotpair::addon
