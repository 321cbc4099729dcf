// Products of matrices on the fastest way that there is for them.
#pragma once

namespace continual {

/// On processors where MKL does without the AVX-512 that they have (AMD's), sends large products of float32 matrices on
/// the CPU, those of linear layers and their gradients among them, through oneDNN instead ("products"), which takes half
/// the time there, and those of small mini-batches through `narrow_product` ("narrow products"). The results differ in
/// the last digits, as they do from one processor to the next. Has an effect once in a process; see `overrides.h` for
/// the switch.
void speed_up_products();

/// Whether products of small mini-batches go that way in this process.
bool are_narrow_products_used();

}  // namespace continual
