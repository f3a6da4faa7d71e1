// napi.h without its own warnings, so that a warning of the build is one about our code.
// Every file of this folder includes this one instead; nothing else is to be put here.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include <napi.h>
#pragma GCC diagnostic pop
