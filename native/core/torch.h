// Every translation unit sees libtorch through this header: it is the precompiled one.
#pragma once

#include <torch/script.h>
#include <torch/torch.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
