// Any operator of the loaded libtorch by name, called boxed through its dispatcher.
#pragma once

#include "core/torch.h"

namespace continual {

/// The overloads of an operator such as "aten::add" in order of registration; empty where there is none of that name.
const std::vector<c10::OperatorHandle>& overloads_of(const std::string& name);

/// An out-variant.
bool writes_to_out(const c10::FunctionSchema& schema);

}  // namespace continual
