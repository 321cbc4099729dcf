// The only file that includes napi.h, so that every part of the binding sees Node-API with the same settings.
#pragma once

#define NAPI_CPP_EXCEPTIONS
#define NODE_ADDON_API_DISABLE_DEPRECATED

#include <napi.h>
